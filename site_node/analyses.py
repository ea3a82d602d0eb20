"""The analyses that a site has prepared: kept until they are closed, idle for long, or one too many."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from shared.errors import UnknownAnalysisError
from shared.masking.messages import MaskedReply
from shared.messages import Accepted, ContributionRequest, Counts, EvaluateReply, StartReply
from shared.parameters import Matrix
from shared.specification import Specification
from site_node.data.design import SiteDesign
from site_node.estimation.model import Model
from site_node.release.exchange import Exchange
from site_node.release.leverage import Leverage
from site_node.release.rounds import Point, point_of

Reply: TypeAlias = StartReply | EvaluateReply | MaskedReply

IDLE_SECONDS = 1800.0
MOST_KEPT = 64
"""Designs in memory. A coordinator that comes back to an older one prepares again."""


@dataclass
class Analysis:
    """What a site keeps of an analysis."""

    specification: Specification
    design: SiteDesign
    model: Model
    counts: Counts
    accepted: Accepted
    exchange: Exchange | None = None
    """Where sums are masked."""
    last: tuple[ContributionRequest, Reply] | None = None
    """The last request, and what it got."""
    answered: dict[int, Point] = field(default_factory=dict)
    """psi and the basis of every round that was answered, also before a restart."""
    withheld: set[int] = field(default_factory=set)
    """Rounds in which nothing was said because of a single unit, also before a restart."""
    joined: bool = False
    """Whether its roster is written down as one whose other sites hide this one's rows."""
    closed: bool = False
    """Whether it ended before."""
    busy: threading.Lock = field(default_factory=threading.Lock)
    used: float = 0.0

    @cached_property
    def leverage(self) -> Leverage:
        """What judges its answers."""
        return Leverage.of(self.design)

    def verified(self, number: int) -> Matrix | None:
        """The fixed effects' block of minus the Hessian of the last sum before a round, (p, p), once it was proved; else None.

        A sum of a psi where the log-likelihood is not finite somewhere holds nothing: then it is the one before. Before the first
        round it is that of the start with the smallest random effects, which is in units of phi if there is one: then there is
        none.
        """
        p = self.model.layout.p
        if self.exchange is None or number == 0:
            return None
        sums = (self.exchange.sum_of(before) for before in range(number - 1, 0, -1))
        pooled = next((one for one in sums if not one.is_worthless), None)
        if pooled is None and self.model.layout.dispersion:
            return None
        return -(pooled or self.exchange.start.quadratics[0]).hessian[:p, :p]

    def answer(self, request: ContributionRequest, reply: Reply) -> None:
        """Remembers a reply."""
        self.last = (request, reply)
        self.answered[request.round] = point_of(request)


class Analyses:
    """The analyses of a site, the one that was used last at the end. May be called from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, Analysis] = OrderedDict()
        self._registry = threading.Lock()

    def find(self, analysis_id: str) -> Analysis | None:
        """The analysis of this id, which is used by that."""
        with self._registry:
            self._drop_idle()
            analysis = self._kept.get(analysis_id)
            if analysis is not None:
                self._touch(analysis_id, analysis)
            return analysis

    @contextmanager
    def using(self, analysis_id: str) -> Iterator[Analysis]:
        """The analysis of this id, for one at a time.

        Raises:
            UnknownAnalysisError: there is none, or it ended while it was waited for.
        """
        analysis = self.find(analysis_id)
        if analysis is None:
            raise _unknown()
        with analysis.busy:
            if self.find(analysis_id) is not analysis:
                raise _unknown()
            try:
                yield analysis
            finally:
                self.find(analysis_id)

    def keep(self, analysis_id: str, analysis: Analysis) -> None:
        """Adds an analysis; too many of them drop the one that was used longest ago."""
        with self._registry:
            self._drop_idle()
            self._touch(analysis_id, analysis)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    def drop(self, analysis_id: str) -> None:
        """Forgets an analysis."""
        with self._registry:
            self._kept.pop(analysis_id, None)

    def _touch(self, analysis_id: str, analysis: Analysis) -> None:
        analysis.used = self._clock()
        self._kept[analysis_id] = analysis
        self._kept.move_to_end(analysis_id)

    def _drop_idle(self) -> None:
        before = self._clock() - IDLE_SECONDS
        for analysis_id, analysis in list(self._kept.items()):
            if analysis.used <= before and not analysis.busy.locked():
                del self._kept[analysis_id]


def _unknown() -> UnknownAnalysisError:
    return UnknownAnalysisError(
        "the site has not prepared this analysis.", where="the site", remedy="Prepare it, again if need be."
    )
