"""The rows of one site as numbers, sorted so that every group, and every outer group, is one contiguous run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Matrix, Vector

Index = NDArray[np.int64]

SLAB_ROWS, SLAB_GROUPS = 65_536, 8_192
"""What is worked on together: enough to hide NumPy's overhead, little enough for the memory of one core. A larger outer group
is a slab of its own, in pieces of that many rows."""


@dataclass(frozen=True)
class Rows:
    """The design of one site: n rows, p fixed-effect and m random-effect columns, G groups in O outer groups.

    With one grouping factor every group is an outer group by itself.
    """

    X: Matrix
    """(n, p), C order."""
    Z: Matrix
    """(n, m), each column contiguous; m = 0 without a random term."""
    y: Vector
    """(n,) responses; the proportion for binomial sizes."""
    weight: Vector
    """(n,) prior weights times binomial sizes."""
    offset: Vector
    """(n,)"""
    starts: Index
    """(G + 1,): group g is the rows starts[g] to starts[g + 1]. One group of all rows without a random term."""
    outer: Index
    """(O + 1,): outer group o is the groups outer[o] to outer[o + 1]."""
    effects: tuple[int, ...]
    """The column of Z of each of the q random effects; effects of two terms may share one."""

    @classmethod
    def sorted_by_group(
        cls,
        *,
        X: Matrix,
        Z: Matrix,
        y: Vector,
        weight: Vector,
        offset: Vector,
        group: Index | None,
        outer: Index | None = None,
        effects: tuple[int, ...] | None = None,
    ) -> "Rows":
        """Rows in any order with a group number each (any integers), or one group of all.

        Args:
            X: see the class.
            Z: see the class.
            y: see the class.
            weight: see the class.
            offset: see the class.
            group: of each row, (n,). The same number in two outer groups is two groups.
            outer: number of the outer group of each row, (n,), with two grouping factors.
            effects: see the class; the columns of Z as they are unless given.
        """
        n = len(y)
        keys = [key for key in (group, outer) if key is not None]
        if not _in_order(keys):
            order = np.lexsort(keys)
            X, Z, y, weight, offset = X[order], Z[order], y[order], weight[order], offset[order]
            keys = [key[order] for key in keys]
        edges = _edges(n, keys)
        within = _edges(n, keys[1:]) if len(keys) > 1 else edges
        return cls(
            X,
            np.asfortranarray(Z),
            y,
            weight,
            offset,
            edges,
            np.searchsorted(edges, within).astype(np.int64),
            tuple(range(Z.shape[1])) if effects is None else effects,
        )

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.starts) - 1

    def slabs(self, share: float = 1.0) -> Iterator["Rows"]:
        """The rows in pieces of whole outer groups: up to a share of SLAB_ROWS and of SLAB_GROUPS, or one larger outer group."""
        first, edges = 0, self.starts[self.outer]
        while first < len(edges) - 1:
            by_rows = int(np.searchsorted(edges, edges[first] + share * SLAB_ROWS, side="right")) - 1
            by_groups = int(np.searchsorted(self.outer, self.outer[first] + share * SLAB_GROUPS, side="right")) - 1
            last = max(first + 1, min(by_rows, by_groups))
            yield self.select_outer(first, last)
            first = last

    def pieces(self) -> tuple["Piece", ...]:
        """The rows cut into runs of at most SLAB_ROWS, which may end inside a group."""
        count = max(1, -(-self.n // SLAB_ROWS))
        cuts = [self.n * k // count for k in range(count + 1)]
        return tuple(self._piece(first, end) for first, end in pairwise(cuts)) if count > 1 else (self._whole(),)

    def in_basis(self, B: Matrix) -> "Rows":
        """The same rows with the random effects' columns in another basis, z' B, (q, q)."""
        mixed = self.loadings(B)
        columns = list(dict.fromkeys(map(tuple, mixed.T.tolist())))
        effects = tuple(columns.index(tuple(column)) for column in mixed.T.tolist())
        change = np.array(columns).reshape(len(columns), mixed.shape[0]).T
        unchanged = np.array_equal(change, np.eye(len(mixed)))
        return replace(self, Z=self.Z if unchanged else np.asfortranarray(self.Z @ change), effects=effects)

    def loadings(self, Lambda: Matrix) -> Matrix:
        """What the columns of Z are multiplied with so that a = T'z is Lambda' times the effects' own columns, (m, q).

        Args:
            Lambda: (q, q).
        """
        T = np.zeros((self.Z.shape[1], Lambda.shape[1]))
        np.add.at(T, list(self.effects), Lambda)
        return T

    def thinned(self, at_most: int) -> "Rows":
        """Every k-th row, all in one group, so that about `at_most` or fewer are left."""
        k = -(-self.n // at_most) or 1
        some = (np.ascontiguousarray(self.X[::k]), self.Z[::k], self.y[::k], self.weight[::k], self.offset[::k])
        return Rows(*some, np.array([0, len(some[0])]), np.array([0, 1]), self.effects)

    def select_outer(self, first: int, last: int) -> "Rows":
        """Outer groups first to last - 1, as views."""
        outer = self.outer[first : last + 1]
        starts = self.starts[outer[0] : outer[-1] + 1]
        return self._cut(int(starts[0]), int(starts[-1]), starts - starts[0], outer - outer[0])

    def _whole(self) -> "Piece":
        return Piece(self, slice(0, self.groups))

    def _piece(self, first: int, end: int) -> "Piece":
        groups = slice(
            int(np.searchsorted(self.starts, first, side="right")) - 1,
            int(np.searchsorted(self.starts, end, side="left")),
        )
        starts = np.clip(self.starts[groups.start : groups.stop + 1], first, end) - first
        return Piece(self._cut(first, end, starts, np.arange(len(starts))), groups)

    def _cut(self, first: int, end: int, starts: Index, outer: Index) -> "Rows":
        rows = slice(first, end)
        some = (self.X[rows], self.Z[rows], self.y[rows], self.weight[rows], self.offset[rows])
        return Rows(*some, starts, outer, self.effects)


@dataclass(frozen=True)
class Piece:
    """Some rows of a slab, and which of the slab's groups they belong to. The first and the last may go on in other pieces."""

    rows: Rows
    groups: slice


def _in_order(keys: list[Index]) -> bool:
    """Whether rows are sorted by the last of the keys, and among equals by the one before."""
    in_order = np.True_
    for key in keys:
        in_order = (key[1:] > key[:-1]) | ((key[1:] == key[:-1]) & in_order)
    return bool(np.all(in_order))


def _edges(n: int, keys: list[Index]) -> Index:
    """Where a run begins, and the end: wherever any of the keys changes; one run of all without a key."""
    change = np.zeros(max(n - 1, 0), dtype=bool)
    for key in keys:
        change |= key[1:] != key[:-1]
    return np.concatenate([[0], np.flatnonzero(change) + 1, [n] if n else []]).astype(np.int64)
