"""The information X'WX of a site's rows, and what some of the rows tell of it (in the Loewner order).

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
MARGIN = 1e-3
"""Of a bound, or of the limit that it is held to: so near to it rounding may have moved it."""
LIGHTEST, LARGEST = 1 / 50, 1 / 20
"""About so many of the rows a bound is computed from: those of the smallest ratios, and of the largest shares."""
ENOUGH = 4_096
"""Values that tell a quantile."""
_BLOCK = 2_048


@dataclass(frozen=True)
class LowerBound:
    """What an information H is at least: F'HF less V diag(values) V' has no negative eigenvalue."""

    directions: Matrix
    """F V, (p, r)."""
    values: Vector
    """(r,), ascending."""
    lacking: float
    """What H has more in a direction, on average."""

    @classmethod
    def of(cls, least: Matrix, root: Matrix, lost: float, lacking: float = 0.0) -> "LowerBound | None":
        """None where rounding may have moved an eigenvalue by more than a margin that does not matter.

        Args:
            least: of F'HF, (r, r).
            root: F, (p, r).
            lost: as much as rounding may have added to `least`.
            lacking: see the class.
        """
        values, vectors = np.linalg.eigh(least)
        known = values[0] > max(SURE * float(values[-1]), lost / MARGIN)
        return cls(root @ vectors, values, lacking) if known else None

    def most(self, X: Matrix, weight: Vector, rows: Index) -> Vector:
        """What w x'H^-1 x of some rows is at most, (m,)."""
        return weight[rows] * squares(X[rows], self.directions / np.sqrt(self.values))

    def coarsely(self, X: Matrix, weight: Vector, shares: Vector, weak: int) -> Vector:
        """The same of all rows, (n,): coarser, but cheaper where few directions are weak.

        What a row holds of the weak directions is computed. In the others H is some multiple l of the information before any
        psi, or more: it holds at most the share in that over l.

        Args:
            X: (n, p)
            weight: (n,)
            shares: w x'F F'x of each row, (n,).
            weak: how many directions are; not all.
        """
        of_weak = squares(X, self.directions[:, :weak] / np.sqrt(self.values[:weak]))
        return np.asarray(shares / self.values[weak] + weight * of_weak)

    def sharply(self, X: Matrix, weight: Vector, rows: Index) -> tuple[Vector, Vector]:
        """The least and the most that w x'H^-1 x of a few rows is, (m,) each, by a pass over all rows for H b of some b.

        For any b it is at least (x'b)^2 / b'H b, by Cauchy and Schwarz, and 2 x'b - b'H b + r'H^-1 r with r = x - H b, where H is
        at least the bound. Both are the closer, the closer H b is to x.
        """
        x = X[rows] @ self.directions
        b = x / (self.values + self.lacking)
        at, H_b = self.directions @ b.T, np.zeros((X.shape[1], len(rows)))
        for block in _blocks(len(X)):
            H_b += X[block].T @ (weight[block, None] * (X[block] @ at))
        along = H_b.T @ self.directions
        x_b, b_H_b = np.sum(x * b, axis=1), np.sum(b * along, axis=1)
        rest = (x - along) ** 2 @ (1.0 / self.values)
        return weight[rows] * x_b**2 / b_H_b, weight[rows] * (2.0 * x_b - b_H_b + rest)


def lost_to_rounding(H: Matrix, root: Matrix) -> float:
    """How far F'HF may be from the identity, which it would be without rounding.

    H is known to a rounding of what its diagonal holds, and F enlarges that where the columns of a design are nearly collinear.
    """
    return float(np.finfo(float).eps) * len(H) * float(H.diagonal() @ np.sum(root**2, axis=1))


def from_some_rows(
    X: Matrix, root: Matrix, prior: Vector, ratio: Vector, even: Vector, *, lost: float
) -> LowerBound | None:
    """Of X'WX, whatever the weights W.

    X'WX - c X'PX is the sum of (w - c p) x x' for any c. Its terms are computed of the rows whose ratio of w to p is below c,
    which are few, and of some with large shares; those of all others are positive.

    Args:
        X: (n, p)
        root: F, (p, r).
        prior: P, (n,).
        ratio: of W to P, (n,).
        even: p x'F F'x of each row, (n,).
        lost: to rounding, of X'PX in its own coordinates.
    """
    c = _quantile(ratio, LIGHTEST)
    shares = even * (ratio - c)
    light, large = np.flatnonzero(ratio < c), np.flatnonzero(shares > max(_quantile(shares, 1.0 - LARGEST), 0.0))
    least = c * np.eye(root.shape[1])
    for rows, sign in ((large, 1.0), (light, -1.0)):
        least += sign * root.T @ information(X[rows], sign * prior[rows] * (ratio[rows] - c)) @ root
    lacking = (shares.sum() - shares[large].sum() - shares[light].sum()) / root.shape[1]
    return LowerBound.of(least, root, lost * float(ratio.max()), max(float(lacking), 0.0))


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
    """The size x'F F'x of each row, (n,)."""
    found = np.empty(len(X))
    for block in _blocks(len(X)):
        part = X[block] @ root
        found[block] = np.einsum("ij,ij->i", part, part)
    return found


def _quantile(values: Vector, share: float) -> float:
    """About that: of every k-th value."""
    return float(np.quantile(values[:: len(values) // ENOUGH + 1], share))


def _blocks(rows: int) -> Iterator[slice]:
    """Runs that stay in a core's cache."""
    return (slice(first, first + _BLOCK) for first in range(0, rows, _BLOCK))
