"""Some whole outer groups of a site at their modes: what the formulas are made of, per row in pieces and per group.

Symbols are those of docs/model.md. The theta entries of psi need no columns of their own: with theta_k = Lambda[a, b] and
z_a the column of effect a, d_k = z_a u_b and e_k = z_a (unit vector b), so sums over rows of d and e follow from sums of x
and z (`along`). In the basis that eliminates the outer groups (`arrow`) a_j becomes loads' z_j, and e_k becomes z_a W'(unit
vector b).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import numpy as np

from shared.parameters import Matrix, ParameterLayout, Parameters, Vector
from site_node.estimation.arrow import Arrow
from site_node.estimation.families.family import Family
from site_node.estimation.model import Model
from site_node.estimation.nesting import Nesting
from site_node.estimation.predictor import Predictor, with_modes
from site_node.estimation.rows import Rows
from site_node.estimation.sums import Array, by_group, outer_by_group, put_together, weighted_by_group
from site_node.estimation.workers import Spread

Sums = TypeVar("Sums")
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class PieceAtMode:
    """Rows at the mode. The leading axis is n; sums over it are by group."""

    rows: Rows
    groups: slice
    """Which of the slab's groups the rows belong to."""
    eta: Vector
    l: tuple[Vector, ...]
    """l, l1, l2, l3, l4, each (n,)."""

    def moments(self, weights: Matrix) -> Array:
        """For each group the sums of w_k (x, z): (k, n) to (G, k, p + m)."""
        rows = self.rows
        return np.concatenate([weighted_by_group(weights, part, rows.starts) for part in (rows.X, rows.Z)], axis=-1)

    def z_sum(self, weight: Vector) -> Array:
        """For each group sum w z: (n,) to (G, m)."""
        return by_group(weight * self.rows.Z.T, self.rows.starts)

    def zz_sum(self, weight: Vector) -> Array:
        """For each group sum w z z': (n,) to (G, m, m)."""
        return outer_by_group(self.rows.Z.T, weight, self.rows.starts)


@dataclass(frozen=True)
class Slab:
    """Groups at the mode. The leading axis is G."""

    pieces: tuple[PieceAtMode, ...]
    spread: Spread
    model: Model
    log_phi: float
    effects: tuple[int, ...]
    """The column of Z of each effect."""
    T: Matrix
    """a = T'z, (m, q)."""
    u: Array
    """(G, q) modes; an outer group's stand with each of its groups."""
    l2: Array
    """sum l2 z (x, z)', (G, m, p + m)."""
    l3: Array
    """sum l3 z z' (x, z)', (G, m, m, p + m)."""
    arrow: Arrow
    """H, eliminated."""

    @property
    def layout(self) -> ParameterLayout:
        """Of psi."""
        return self.model.layout

    @property
    def family(self) -> Family:
        """Of the responses."""
        return self.model.family

    @property
    def entries(self) -> tuple[tuple[int, int, int], ...]:
        """For each theta_k = Lambda[a, b] its place in psi, the column of Z of effect a, and b."""
        entries = enumerate(self.layout.theta_entries, start=self.layout.p)
        return tuple((k, self.effects[a], b) for k, (a, b) in entries)

    @cached_property
    def loads(self) -> Array:
        """With a = loads' z in the basis of `arrow`, (G, m, q), or (1, m, q) where that is the model's own."""
        return np.asarray(self.T @ self.arrow.W)

    @cached_property
    def solved(self) -> Array:
        """H^-1 a = solved' z in the model's basis, (G, m, q)."""
        return np.asarray(self.loads @ self.arrow.inverse @ self.arrow.W.transpose(0, 2, 1))

    @cached_property
    def leverage(self) -> Array:
        """The rows' leverage h = a'H^-1 a is z' leverage z, (G, m, m)."""
        return np.asarray(self.loads @ self.arrow.inverse @ self.loads.transpose(0, 2, 1))

    @cached_property
    def l2_zz(self) -> Array:
        """Sum l2 z z', (G, m, m)."""
        return self.l2[:, :, self.layout.p :]

    @cached_property
    def s(self) -> Array:
        """Each group's part of sum l3 h a, (G, q)."""
        l3_h_z = np.einsum("gabc,gab->gc", self.l3[..., self.layout.p :], self.leverage)
        return np.asarray((l3_h_z[:, None, :] @ self.loads)[:, 0])

    @property
    def s3(self) -> Vector:
        """Sum l3 a^3 of a single effect, (G,)."""
        return np.asarray(self.l3[:, 0, 0, -1] * self.T[0, 0] ** 3)

    @cached_property
    def r(self) -> Array:
        """The vector r = H^-1 s in the basis of `arrow`, (G, q)."""
        return np.asarray(np.einsum("gab,gb->ga", self.arrow.inverse, self.arrow.nesting.joined(self.s)))

    @cached_property
    def r_own(self) -> Array:
        """The vector r in the model's basis, (G, q)."""
        return np.asarray((self.arrow.W @ self.r[:, :, None])[:, :, 0])

    @cached_property
    def r_z(self) -> Array:
        """With r'a = r_z'z, (G, m)."""
        return np.asarray((self.loads @ self.r[:, :, None])[:, :, 0])

    def total(self, of: Callable[[PieceAtMode], Sums]) -> Sums:
        """The sums over all rows, from what `of` makes of each piece."""
        return self.total_beside(lambda piece: (of(piece), None))[0]

    def total_beside(self, of: Callable[[PieceAtMode], tuple[Sums, Kept]]) -> tuple[Sums, list[Kept]]:
        """The sums over all rows, and what `of` keeps of each piece beside them."""
        made = list(self.spread(of, self.pieces))
        parts = [(piece.groups, sums) for piece, (sums, _) in zip(self.pieces, made, strict=True)]
        return cast("Sums", put_together(parts, len(self.u))), [kept for _, kept in made]

    def along(self, moments: Array) -> Array:
        """Sums over rows of (...)(x, z)' as sums of (...) d': (G, ..., p + m) to (G, ..., P)."""
        p = self.layout.p
        inner = (1,) * (moments.ndim - 2)
        parts = [moments[..., :p]]
        parts += [(moments[..., p + c] * self.u[:, b].reshape(-1, *inner))[..., None] for _, c, b in self.entries]
        if self.layout.dispersion:
            parts.append(np.zeros((*moments.shape[:-1], 1)))
        return np.concatenate(parts, axis=-1)

    def d_sum(self, x: Vector, z: Array) -> Vector:
        """The sum of w d over all rows, (P,), from those of w x, (p,), and of w z by group, (G, m)."""
        theta = [np.sum(z[:, c] * self.u[:, b]) for _, c, b in self.entries]
        return np.concatenate([x, theta, [0.0] if self.layout.dispersion else []])


def at_mode(rows: Rows, model: Model, parameters: Parameters, spread: Spread = map) -> Slab:
    """Find the modes and what follows from them for the groups.

    Args:
        rows: whole outer groups.
        model: the model.
        parameters: psi.
        spread: the map that goes over the pieces of the rows.
    """
    family, layout = model.family, model.layout
    nesting, T = Nesting(rows.outer, layout.q_outer), rows.loadings(parameters.Lambda)
    predictors, u = with_modes(rows, nesting, family, parameters, spread)
    pieces = tuple(spread(lambda predictor: _at(predictor, u, family, parameters.log_phi), predictors))
    parts = spread(lambda piece: (piece.groups, _moments(piece)), pieces)
    moments, m = put_together(list(parts), rows.groups), len(T)
    l2, l3 = moments[:, :m], _symmetric(moments[:, m:], m)
    arrow = Arrow.of(-T.T @ l2[:, :, layout.p :] @ T, nesting)
    return Slab(pieces, spread, model, parameters.log_phi, rows.effects, T, u, l2, l3, arrow)


def _at(predictor: Predictor, u: Matrix, family: Family, log_phi: float) -> PieceAtMode:
    rows, eta = predictor.rows, predictor.eta(u)
    l = family.log_likelihood(rows.y, rows.weight, eta, log_phi)
    derivatives = family.derivatives(rows.y, rows.weight, eta, log_phi, 4)
    return PieceAtMode(rows, predictor.groups, eta, (l, *derivatives))


def _moments(piece: PieceAtMode) -> Array:
    """Sums of l2 z (x, z)' and below them of the lower triangle of l3 z z' (x, z)'."""
    Z = piece.rows.Z.T
    lower, upper = np.tril_indices(len(Z))
    return piece.moments(np.concatenate([piece.l[2] * Z, piece.l[3] * Z[lower] * Z[upper]]))


def _symmetric(triangle: Array, m: int) -> Array:
    """(G, m (m + 1) / 2, k) to (G, m, m, k)."""
    lower, upper = np.tril_indices(m)
    full = np.empty((len(triangle), m, m, triangle.shape[2]))
    full[:, lower, upper] = full[:, upper, lower] = triangle
    return full
