"""Whether a person at the site has approved an analysis: pure functions of what was asked, what was decided, and the time."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import ApprovalError, RefusedError
from shared.framing import framed
from shared.specification import Specification

RULE = "approval"
SHORTEST = timedelta(hours=24)
"""An approval lasts so long at least: clocks that differ by an hour decide nothing."""
_WAIT = "Wait: a person at the site decides, with `fedglmm-site approvals`."


@dataclass(frozen=True)
class Decision:
    """What a person decided."""

    approved: bool
    at: datetime
    expires: datetime | None = None
    """Of an approval."""
    reason: str = ""
    bound: str = ""
    """The hash of what was approved."""


@dataclass(frozen=True)
class Request:
    """An analysis that a person is asked about."""

    analysis: str
    specification: Specification
    asked: datetime
    decision: Decision | None = None
    ended: str | None = None
    """How the analysis ended, where that was before anybody decided."""

    @property
    def waits(self) -> bool:
        """Whether it is asked still, and nobody has decided."""
        return self.decision is None and self.ended is None

    def approve(self, at: datetime, lasts: timedelta) -> Decision:
        """An approval of this very specification and roster, for so long."""
        expires = at + max(lasts, SHORTEST)
        return Decision(
            approved=True, at=at, expires=expires, bound=binding(self.analysis, self.specification, expires)
        )

    def approved(self, now: datetime) -> bool:
        """Whether a person has approved it, and the approval has not expired."""
        decision = self.decision
        return decision is not None and decision.approved and decision.expires is not None and now < decision.expires

    def state(self, now: datetime) -> str:
        """Where it stands, in words."""
        decision = self.decision
        if self.ended is not None:
            return f"ended before anybody decided: {self.ended}"
        if decision is None:
            return "waits for a decision"
        if not decision.approved or decision.expires is None:
            return f"denied. {decision.reason}".rstrip(". ")
        until = decision.expires.strftime("%Y-%m-%d %H:%M")
        return f"approved until {until} UTC" if self.approved(now) else f"approval expired on {until} UTC"


def binding(analysis: str, specification: Specification, expires: datetime) -> str:
    """The hash of all that an approval is of: analysis, specification, roster, expiry."""
    parts = (analysis, specification.sha256, *specification.roster, expires.isoformat())
    return hashlib.sha256(framed("fedglmm approval 1", *parts)).hexdigest()


def check_approved(request: Request, specification: Specification, now: datetime) -> None:
    """Lets an analysis pass that a person has approved.

    Raises:
        ApprovalError: nobody has decided yet, the approval has expired, or it is of something else.
        RefusedError: a person has denied it.
    """
    decision = request.decision
    if decision is None:
        raise _awaited("nobody at the site has approved it yet.")
    if not decision.approved or decision.expires is None:
        because = f" {decision.reason}" if decision.reason else ""
        raise RefusedError(
            f"a person at the site has denied it.{because}",
            rule=RULE,
            where="the site's policy",
            remedy="Ask the site, or leave it out of the roster.",
            code="denied",
        )
    if decision.bound != binding(request.analysis, specification, decision.expires):
        raise _awaited("what was approved at the site is something else.")
    if now >= decision.expires:
        raise _awaited("the approval of a person at the site has expired.")


def _awaited(message: str) -> ApprovalError:
    return ApprovalError(message, where="the site", remedy=_WAIT)
