"""The rows of one site as numbers, sorted by group so that every group is one contiguous run."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Matrix, Vector

Index = NDArray[np.int64]

SLAB_ROWS = 16_384
"""Rows that are worked on together: large enough to hide NumPy's overhead, small enough for a core's cache."""


@dataclass(frozen=True)
class Rows:
    """The design of one site: n rows, p fixed-effect and q random-effect columns, G groups."""

    X: Matrix
    """(n, p), C order."""
    Z: Matrix
    """(n, q); q = 0 without a random term."""
    y: Vector
    """(n,) responses; the proportion for binomial sizes."""
    weight: Vector
    """(n,) prior weights times binomial sizes."""
    offset: Vector
    """(n,)"""
    starts: Index
    """(G + 1,): group g is the rows starts[g] to starts[g + 1]. One group of all rows without a random term."""

    @classmethod
    def sorted_by_group(
        cls, *, X: Matrix, Z: Matrix, y: Vector, weight: Vector, offset: Vector, group: Index | None
    ) -> "Rows":
        """Rows in any order with a group number each (any integers), or one group of all."""
        n = len(y)
        if group is None or n == 0:
            return cls(X, Z, y, weight, offset, np.array([0, n] if n else [0], dtype=np.int64))
        if (np.diff(group) < 0).any():
            order = np.argsort(group, kind="stable")
            X, Z, y, weight, offset, group = X[order], Z[order], y[order], weight[order], offset[order], group[order]
        first = np.flatnonzero(np.diff(group)) + 1
        return cls(X, Z, y, weight, offset, np.concatenate([[0], first, [n]]).astype(np.int64))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.starts) - 1

    def slabs(self) -> Iterator["Rows"]:
        """The rows in pieces of whole groups of about SLAB_ROWS rows (a larger group is a piece of its own)."""
        first = 0
        while first < self.groups:
            target = self.starts[first] + SLAB_ROWS
            last = max(first + 1, int(np.searchsorted(self.starts, target, side="right")) - 1)
            yield self.select_groups(first, last)
            first = last

    def select_groups(self, first: int, last: int) -> "Rows":
        """Groups first to last - 1, as views."""
        rows = slice(int(self.starts[first]), int(self.starts[last]))
        return Rows(
            self.X[rows],
            self.Z[rows],
            self.y[rows],
            self.weight[rows],
            self.offset[rows],
            self.starts[first : last + 1] - self.starts[first],
        )
