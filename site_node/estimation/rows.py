"""The rows of one site as numbers, sorted by group so that every group is one contiguous run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Matrix, Vector

Index = NDArray[np.int64]

SLAB_ROWS, SLAB_GROUPS = 65_536, 8_192
"""What is worked on together: enough to hide NumPy's overhead, little enough for the memory of one core. A larger group is a
slab of its own, in pieces of that many rows."""


@dataclass(frozen=True)
class Rows:
    """The design of one site: n rows, p fixed-effect and q random-effect columns, G groups."""

    X: Matrix
    """(n, p), C order."""
    Z: Matrix
    """(n, q), each column contiguous; q = 0 without a random term."""
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
            return cls(X, np.asfortranarray(Z), y, weight, offset, np.array([0, n] if n else [0], dtype=np.int64))
        if (np.diff(group) < 0).any():
            order = np.argsort(group, kind="stable")
            X, Z, y, weight, offset, group = X[order], Z[order], y[order], weight[order], offset[order], group[order]
        first = np.flatnonzero(np.diff(group)) + 1
        starts = np.concatenate([[0], first, [n]]).astype(np.int64)
        return cls(X, np.asfortranarray(Z), y, weight, offset, starts)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.starts) - 1

    def slabs(self) -> Iterator["Rows"]:
        """The rows in pieces of whole groups: up to SLAB_ROWS rows (or one larger group) and SLAB_GROUPS groups."""
        first = 0
        while first < self.groups:
            target = self.starts[first] + SLAB_ROWS
            last = max(first + 1, int(np.searchsorted(self.starts, target, side="right")) - 1)
            last = min(last, first + SLAB_GROUPS)
            yield self.select_groups(first, last)
            first = last

    def pieces(self) -> tuple["Rows", ...]:
        """The rows of one large group cut into pieces of it; anything else as it is. Sums over them are sums by group."""
        if self.groups != 1 or self.n <= SLAB_ROWS:
            return (self,)
        count = -(-self.n // SLAB_ROWS)
        cuts = [self.n * k // count for k in range(count + 1)]
        return tuple(self._cut(first, end, np.array([0, end - first])) for first, end in pairwise(cuts))

    def in_basis(self, B: Matrix) -> "Rows":
        """The same rows with the random-effect columns in another basis, z' B, (q, q)."""
        return replace(self, Z=np.asfortranarray(self.Z @ B))

    def thinned(self, at_most: int) -> "Rows":
        """Every k-th row, all in one group, so that about `at_most` or fewer are left."""
        k = -(-self.n // at_most) or 1
        n = len(self.y[::k])
        X = np.ascontiguousarray(self.X[::k])
        return Rows(X, self.Z[::k], self.y[::k], self.weight[::k], self.offset[::k], np.array([0, n]))

    def select_groups(self, first: int, last: int) -> "Rows":
        """Groups first to last - 1, as views."""
        starts = self.starts[first : last + 1]
        return self._cut(int(starts[0]), int(starts[-1]), starts - starts[0])

    def _cut(self, first: int, end: int, starts: Index) -> "Rows":
        rows = slice(first, end)
        return Rows(self.X[rows], self.Z[rows], self.y[rows], self.weight[rows], self.offset[rows], starts)
