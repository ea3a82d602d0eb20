"""The information X'WX of a site's rows, and bounds of it from a part of the rows (in the Loewner order).

Bounds are in the coordinates F of the information X'PX of what the rows weigh before any psi: F F' is its inverse, so that
there it is the identity, and the information of weights c times as large is c times the identity.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.rows import Index

ROUNDING = 1e-14
"""Of the largest eigenvalue of H in units of its diagonal: a direction in which rounding leaves nothing to read."""
SURE = 1e-9
"""Of the largest eigenvalue: one that rounding leaves as it is."""
CANCELLED = 0.1
"""Of one: what rounding leaves of a difference, at least."""
LIGHTEST, LARGEST = 1 / 50, 1 / 20
"""Of the rows, those that an enclosure is computed from: of the smallest ratios, and of the largest shares."""
_BLOCK = 2_048


@dataclass(frozen=True)
class Enclosure:
    """Two matrices between which an information H is: F'HF is V diag(values) V' at least, and at most slack more."""

    directions: Matrix
    """F V, (p, r)."""
    values: Vector
    """(r,), ascending."""
    slack: float
    """Times the identity."""
    spared: Vector
    """For each row the multiple of its own part of the identity that the slack is too large by, (n,)."""

    @classmethod
    def of(cls, least: Matrix, root: Matrix, spared: Vector, terms: float = 0.0) -> "Enclosure | None":
        """Of an H that is at least known; None where rounding leaves nothing of a direction.

        Args:
            least: of F'HF, (r, r).
            root: F, (p, r).
            spared: see the class; the slack is the largest.
            terms: as large as any that cancelled in `least`.
        """
        values, vectors = np.linalg.eigh(least)
        known = values[0] >= SURE * max(float(values[-1]), terms)
        return cls(root @ vectors, values, float(spared.max()), spared) if known else None

    def bounds(self, X: Matrix, prior: Vector, ratio: Vector, rows: Index) -> tuple[Vector, Vector]:
        """Of w x'H^-1 x of some rows, the least and the most, (m,) each.

        Let b be p x'B^-1 x for the B that H is at most. It is at most B - s p x x' as well, where s is spared of the row, and
        p x'(B - s p x x')^-1 x is b / (1 - s b) by the Sherman-Morrison formula.

        Args:
            X: (n, p)
            prior: P, (n,).
            ratio: of W to P, (n,).
            rows: which, (m,).
        """
        parts = prior[rows, None] * (X[rows] @ self.directions) ** 2
        b = parts @ (1.0 / (self.values + self.slack))
        least = b / np.maximum(1.0 - self.spared[rows] * b, CANCELLED)
        return ratio[rows] * least, ratio[rows] * (parts @ (1.0 / self.values))

    def most(self, X: Matrix, weight: Vector, shares: Vector, weak: int) -> Vector:
        """The latter of all rows, (n,), coarser where directions are not weak, and cheaper.

        What a row holds of the weak directions is computed. In the others H is some multiple l of the information before any
        psi, or more: it holds at most the share in that over l.

        Args:
            X: (n, p)
            weight: (n,)
            shares: w x'F F'x of each row, (n,).
            weak: how many directions are; not all.
        """
        found = shares / self.values[weak]
        if weak:
            found += weight * squares(X, self.directions[:, :weak] / np.sqrt(self.values[:weak]))
        return found


def from_some_rows(X: Matrix, root: Matrix, prior: Vector, ratio: Vector, shares: Vector) -> Enclosure | None:
    """Of X'WX, whatever the weights W.

    X'WX - c X'PX is the sum of (w - c p) x x'. Let c be the largest ratio of w to p among the lightest rows: of all other rows
    the terms are positive. They are computed of the lightest rows, and of those with the largest shares; the rest add at most
    their largest ratio less c, times the identity.

    Args:
        X: (n, p)
        root: F, (p, r).
        prior: P, (n,).
        ratio: of W to P, (n,).
        shares: w x'F F'x of each row, (n,).
    """
    lightest = np.sort(np.argpartition(ratio, int(LIGHTEST * len(X)))[: int(LIGHTEST * len(X)) + 1])
    c = float(ratio[lightest].max())
    heavier = np.flatnonzero(ratio > c)
    largest = heavier[_largest(shares[heavier], int(LARGEST * len(X)) + 1)]
    rest = ratio > c
    rest[largest] = False
    computed = np.where(rest, ratio, c)
    over, under = np.zeros_like(ratio), np.zeros_like(ratio)
    over[largest], under[lightest] = (prior * (ratio - c))[largest], (prior * (c - ratio))[lightest]
    least = root.T @ (information(X, over) - information(X, under)) @ root + c * np.eye(root.shape[1])
    return Enclosure.of(least, root, computed.max() - computed, c)


def information(X: Matrix, weight: Vector) -> Matrix:
    """X'WX, (p, p). Rows without weight are passed over where they are most."""
    some = np.flatnonzero(weight)
    if 2 * len(some) < len(weight):
        X, weight = X[some], weight[some]
    total, root = np.zeros((X.shape[1], X.shape[1])), np.sqrt(weight)
    for rows in _blocks(len(X)):
        scaled = root[rows, None] * X[rows]
        total += scaled.T @ scaled
    return total


def inverse_root(H: Matrix) -> Matrix | None:
    """F with H^-1 = F F', (p, r), over the directions of which H holds something; None if not positive semidefinite."""
    root = np.sqrt(np.maximum(H.diagonal(), 0.0))
    scale = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0.0)
    values, vectors = np.linalg.eigh(scale[:, None] * H * scale)
    least = ROUNDING * len(H) * float(values[-1])
    if not values[0] >= -least:
        return None
    held = values > least
    return np.asarray(scale[:, None] * vectors[:, held] / np.sqrt(values[held]))


def rank(H: Matrix) -> int:
    """Directions of which H holds something; none if it is not positive semidefinite."""
    root = inverse_root(H)
    return 0 if root is None else root.shape[1]


def squares(X: Matrix, root: Matrix) -> Vector:
    """x'F F'x of each row, (n,)."""
    parts = (X[block] @ root for block in _blocks(len(X)))
    return np.concatenate([np.einsum("ij,ij->i", part, part) for part in parts])


def _largest(values: Vector, count: int) -> Index:
    """Where so many of the largest are, or all, in their order."""
    return np.sort(np.argpartition(values, -count)[-count:]) if count < len(values) else np.arange(len(values))


def _blocks(rows: int) -> Iterator[slice]:
    """Runs that stay in a core's cache."""
    return (slice(first, first + _BLOCK) for first in range(0, rows, _BLOCK))
