"""How many nodes of quadrature are enough: they are raised until the log-likelihood hardly moves (docs/model.md, Quadrature)."""

from dataclasses import dataclass, replace
from typing import Self

LADDER = (1, 5, 11, 25, 51, 100)
"""Nodes that are tried, one after the other."""
ENOUGH = 1e-6
"""Change of the log-likelihood for each group at which the nodes are enough."""
NEAR = 1e-7
"""Newton decrement for each group at which an optimum is near enough to try more nodes there."""


@dataclass(frozen=True)
class Rung:
    """A number of nodes that was tried."""

    points: int
    change: float | None
    """Of the log-likelihood for each group, beside the nodes before at the same psi; None for the first."""


@dataclass(frozen=True)
class Raising:
    """The path so far, of an analysis that asked for `auto`."""

    groups: float
    path: tuple[Rung, ...] = (Rung(LADDER[0], None),)
    below: float | None = None
    """The log-likelihood by the nodes before, at the psi that is to be evaluated with more of them."""
    barred: bool = False
    """Whether the next number of nodes had no finite log-likelihood."""

    @property
    def settled(self) -> bool:
        """Whether the last change was small."""
        change = self.path[-1].change
        return change is not None and abs(change) <= ENOUGH

    @property
    def at_its_end(self) -> bool:
        """Whether no more nodes are tried."""
        return self.settled or self.barred or self.path[-1].points == LADDER[-1]

    @property
    def points(self) -> int:
        """How many nodes the next evaluation has."""
        last = self.path[-1].points
        return last if self.below is None else LADDER[LADDER.index(last) + 1]

    def is_near(self, decrement: float | None) -> bool:
        """Whether it is time for more nodes."""
        return not self.at_its_end and decrement is not None and decrement <= NEAR * self.groups

    def raised(self, log_likelihood: float) -> Self:
        """The next evaluation has more nodes, at the psi where this was the log-likelihood."""
        return replace(self, below=log_likelihood)

    def refused(self) -> Self:
        """More nodes had no finite log-likelihood: the nodes before have to do, and are asked for again."""
        return replace(self, below=None, barred=True)

    def evaluated(self, log_likelihood: float) -> Self:
        """Take note of what the nodes of this evaluation gave."""
        if self.below is None:
            return self
        rung = Rung(self.points, (log_likelihood - self.below) / self.groups)
        return replace(self, path=(*self.path, rung), below=None)
