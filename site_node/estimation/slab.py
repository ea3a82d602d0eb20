"""Some whole groups of a site at their modes: what the Laplace formulas are made of, per row in pieces and per group.

Symbols are those of docs/model.md. The theta entries of psi need no columns of their own: with theta_k = Lambda[a, b],
d_k = z_a u_b and e_k = z_a (unit vector b), so sums over rows of d and e follow from sums of x and z (`along`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from shared.parameters import Matrix, ParameterLayout, Parameters, Vector
from site_node.estimation.families.family import Family
from site_node.estimation.model import Model
from site_node.estimation.predictor import Predictor, with_modes
from site_node.estimation.rows import Rows
from site_node.estimation.sums import Array, by_group, outer_by_group, weighted_by_group
from site_node.estimation.workers import Spread


@dataclass(frozen=True)
class Piece:
    """Rows at the mode. The leading axis is n; sums over it are by group, (G, ...)."""

    rows: Rows
    eta: Vector
    l: tuple[Vector, ...]
    """l, l1, l2, l3, l4, each (n,)."""

    def moments(self, weights: Matrix) -> Array:
        """For each group the sums of w_k (x, z): (k, n) to (G, k, p + q)."""
        rows = self.rows
        return np.concatenate([weighted_by_group(weights, part, rows.starts) for part in (rows.X, rows.Z)], axis=-1)

    def z_sum(self, weight: Vector) -> Array:
        """For each group sum w z: (n,) to (G, q)."""
        return by_group(weight * self.rows.Z.T, self.rows.starts)

    def zz_sum(self, weight: Vector) -> Array:
        """For each group sum w z z': (n,) to (G, q, q)."""
        return outer_by_group(self.rows.Z.T, weight, self.rows.starts)


@dataclass(frozen=True)
class Slab:
    """Groups at the mode. The leading axis is G."""

    pieces: tuple[Piece, ...]
    spread: Spread
    layout: ParameterLayout
    family: Family
    log_phi: float
    Lambda: Matrix
    """(q, q)"""
    u: Array
    """(G, q) modes."""
    l2: Array
    """sum l2 z (x, z)', (G, q, p + q)."""
    l3: Array
    """sum l3 z z' (x, z)', (G, q, q, p + q)."""
    H: Array
    """(G, q, q) = I - sum l2 a a'."""
    H_inv: Array
    """(G, q, q)"""
    s: Array
    """(G, q) = sum l3 h a."""
    r: Array
    """(G, q) = H^-1 s."""

    def total(self, of: Callable[[Piece], Any]) -> Any:
        """The sum of what `of` makes of each piece."""
        return reduce(add, self.spread(of, self.pieces))

    def along(self, moments: Array) -> Array:
        """Sums over rows of (...)(x, z)' as sums of (...) d': (G, ..., p + q) to (G, ..., P)."""
        p = self.layout.p
        inner = (1,) * (moments.ndim - 2)
        parts = [moments[..., :p]]
        parts += [
            (moments[..., p + a] * self.u[:, b].reshape(-1, *inner))[..., None] for a, b in self.layout.theta_entries
        ]
        if self.layout.dispersion:
            parts.append(np.zeros((*moments.shape[:-1], 1)))
        return np.concatenate(parts, axis=-1)

    def d_sum(self, x: Vector, z: Array) -> Vector:
        """The sum of w d over all rows, (P,), from those of w x, (p,), and of w z by group, (G, q)."""
        theta = [np.sum(z[:, a] * self.u[:, b]) for a, b in self.layout.theta_entries]
        return np.concatenate([x, theta, [0.0] if self.layout.dispersion else []])


def at_mode(rows: Rows, model: Model, parameters: Parameters, spread: Spread = map) -> Slab:
    """Find the modes and what follows from them for the groups.

    Args:
        rows: whole groups.
        model: the model.
        parameters: psi.
        spread: the map that goes over the pieces of the rows.
    """
    Lambda, log_phi, family, layout = parameters.Lambda, parameters.log_phi, model.family, model.layout
    predictors, u = with_modes(rows, family, parameters, spread)
    pieces = tuple(spread(lambda predictor: _at(predictor, u, family, log_phi), predictors))
    moments = reduce(add, spread(lambda piece: _moments(piece, layout.q), pieces))
    l2, l3 = moments[:, : layout.q], _symmetric(moments[:, layout.q :], layout.q)
    H = np.eye(layout.q) - Lambda.T @ l2[:, :, layout.p :] @ Lambda
    H_inv = _inverse(H)
    s = np.einsum("gabc,gab->gc", l3[..., layout.p :], Lambda @ H_inv @ Lambda.T) @ Lambda
    r = np.einsum("gab,gb->ga", H_inv, s)
    return Slab(pieces, spread, layout, family, log_phi, Lambda, u, l2, l3, H, H_inv, s, r)


def _at(predictor: Predictor, u: Matrix, family: Family, log_phi: float) -> Piece:
    rows, eta = predictor.rows, predictor.eta(u)
    l = family.log_likelihood(rows.y, rows.weight, eta, log_phi)
    return Piece(rows, eta, (l, *family.derivatives(rows.y, rows.weight, eta, log_phi, 4)))


def _moments(piece: Piece, q: int) -> Array:
    """Sums of l2 z (x, z)' and below them of the lower triangle of l3 z z' (x, z)'."""
    Z = piece.rows.Z.T
    lower, upper = np.tril_indices(q)
    return piece.moments(np.concatenate([piece.l[2] * Z, piece.l[3] * Z[lower] * Z[upper]]))


def _symmetric(triangle: Array, q: int) -> Array:
    """(G, q (q + 1) / 2, k) to (G, q, q, k)."""
    lower, upper = np.tril_indices(q)
    full = np.empty((len(triangle), q, q, triangle.shape[2]))
    full[:, lower, upper] = full[:, upper, lower] = triangle
    return full


def _inverse(H: Array) -> Array:
    """H^-1 of every group; all NaN where one is singular in floating point, which H = I + ... is nowhere in exact arithmetic."""
    try:
        return np.linalg.inv(H).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return np.full_like(H, np.nan)
