"""What was asked of a site, by analysis: put together from the ledger and from what a person was asked. Pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from site_node.release.approval import Request
from site_node.release.entry import Entry


@dataclass(frozen=True)
class Asked:
    """One analysis."""

    analysis: str
    entries: tuple[Entry, ...]
    """What left for it, the oldest first."""
    request: Request | None = None
    """What a person was asked."""

    @property
    def title(self) -> str:
        """The analyst's."""
        return self.entries[-1].title if self.entries else self._request.specification.title

    @property
    def formula(self) -> str:
        """The analyst's."""
        return self.entries[-1].formula if self.entries else self._request.specification.formula

    @property
    def roster(self) -> tuple[str, ...]:
        """The sites, as many as the ledger names."""
        return self.entries[-1].roster if self.entries else self._request.specification.roster

    @property
    def specification(self) -> str:
        """Its hash."""
        return self.entries[-1].specification if self.entries else self._request.specification.sha256

    @property
    def since(self) -> datetime:
        """When it was first heard of."""
        left = [datetime.fromisoformat(self.entries[0].time)] if self.entries else []
        return min([*left, *([self.request.asked] if self.request is not None else [])])

    @property
    def _request(self) -> Request:
        if self.request is None:
            raise LookupError("of an analysis there is an entry or a request")
        return self.request


def all_asked(entries: Iterable[Entry], requests: Iterable[Request]) -> tuple[Asked, ...]:
    """Every analysis, the latest first.

    Args:
        entries: of the ledger, in its order.
        requests: what a person was asked.
    """
    left: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.analysis:
            left.setdefault(entry.analysis, []).append(entry)
    waiting = {request.analysis: request for request in requests}
    analyses = dict.fromkeys((*left, *waiting))
    found = (Asked(one, tuple(left.get(one, ())), waiting.get(one)) for one in analyses)
    return tuple(sorted(found, key=lambda one: (one.since, one.analysis), reverse=True))
