"""Groups inside outer groups: whose effect is whose (docs/model.md, Two grouping factors)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from site_node.estimation.rows import Index

Values: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Nesting:
    """Of the q effects that bear on a row the first q_outer are its outer group's; the others are its group's.

    Values by group are (G, ...), by outer group (O, ...). With one grouping factor q_outer is 0 and every group is an
    outer group by itself.
    """

    outer: Index
    """(O + 1,): outer group o is the groups outer[o] to outer[o + 1]."""
    q_outer: int

    @property
    def groups(self) -> int:
        """G."""
        return int(self.outer[-1])

    def over(self, values: Values) -> Values:
        """Sum over the groups of each outer group: (G, ...) to (O, ...)."""
        return values if self._alone else np.add.reduceat(values, self.outer[:-1], axis=0)

    def all_over(self, values: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether it is true of all groups of each outer group: (G,) to (O,)."""
        return values if self._alone else np.logical_and.reduceat(values, self.outer[:-1])

    def each(self, values: Values) -> Values:
        """Give each group its outer group's value: (O, ...) to (G, ...)."""
        return values if self._alone else np.repeat(values, np.diff(self.outer), axis=0)

    def joined(self, values: Values) -> Values:
        """Replace what belongs to the outer groups' effects by the sum over the outer group: (G, q, ...) to the same."""
        if self.q_outer == 0:
            return values
        shared = self.each(self.over(values[:, : self.q_outer]))
        return np.concatenate([shared, values[:, self.q_outer :]], axis=1)

    def once(self, values: Values) -> Values:
        """Keep what belongs to the outer groups' effects in the first group of each only: (G, q, ...) to the same."""
        if self.q_outer == 0:
            return values
        kept = values.copy()
        kept[self._later, : self.q_outer] = 0.0
        return kept

    @cached_property
    def _alone(self) -> bool:
        return len(self.outer) == self.groups + 1

    @cached_property
    def _later(self) -> Index:
        """The groups that are not the first of their outer group."""
        return np.setdiff1d(np.arange(self.groups), self.outer[:-1])
