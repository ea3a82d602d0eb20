"""What the quadrature's formulas take from the rows: at the mode, at the nodes, and once more at the mode (docs/model.md)."""

from dataclasses import dataclass

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.families.family import DispersionDerivatives
from site_node.estimation.slab import PieceAtMode, Slab
from site_node.estimation.sums import Array, ByGroup, by_group, to_rows, weighted_by_group, weighted_cross_product


@dataclass(frozen=True)
class Nodes:
    """Where a slab's groups are evaluated, and how much each node counts."""

    root_2_x: Vector
    """sqrt(2) x_k, (K,)."""
    t: Array
    """u + omega sqrt(2) x_k, (G, K)."""
    pi: Array
    """The nodes' shares of the integral, (G, K)."""


@dataclass(frozen=True)
class ModeDots:
    """What a dispersion adds to the sums at the mode."""

    l1_z: ByGroup
    """sum l1. z, (G, 1)."""
    l2_zz: ByGroup
    """sum l2. z^2, (G, 1, 1)."""


@dataclass(frozen=True)
class ModeSums:
    """Sums at the mode."""

    l1_z: ByGroup
    """sum l1 z, (G, 1)."""
    dots: ModeDots | None

    @classmethod
    def of(cls, piece: PieceAtMode, slab: Slab) -> tuple["ModeSums", DispersionDerivatives | None]:
        """Of some rows of a slab, and their dots, which the last sums need again."""
        rows, l1_z = piece.rows, piece.z_sum(piece.l[1])
        if not slab.layout.dispersion:
            return cls(l1_z, None), None
        dots = slab.family.dispersion_derivatives(rows.y, rows.weight, piece.eta, slab.log_phi)
        return cls(l1_z, ModeDots(piece.z_sum(dots.l1_d), piece.zz_sum(dots.l2_d))), dots


def log_likelihoods(piece: PieceAtMode, slab: Slab, t: Array) -> Array:
    """Sum l at each node, (G, K), of the piece's groups."""
    rows, family = piece.rows, slab.family
    l = [family.log_likelihood(rows.y, rows.weight, eta, slab.log_phi) for eta in _predictors(piece, slab, t)]
    return by_group(np.array(l), rows.starts)


@dataclass(frozen=True)
class NodeDots:
    """What a dispersion adds to the sums at the nodes."""

    x: Vector
    """sum over rows and nodes of pi l1. x, (p,)."""
    curvature: float
    """sum over rows and nodes of pi l.. ."""
    l: ByGroup
    """sum l. at each node, (G, K)."""
    l1_z: ByGroup
    """sum l1. z at each node, (G, K)."""


@dataclass(frozen=True)
class NodeSums:
    """Sums at the nodes; v0 = sum_k pi_k l2k, v1 = sum_k pi_k sqrt(2) x_k l2k, vt = sum_k pi_k t_k l2k for each row."""

    vt_zx: Vector
    """sum vt z x, (p,)."""
    dots: NodeDots | None
    l1_z: ByGroup
    """sum l1 z at each node, (G, K)."""
    l2_zz: ByGroup
    """sum l2 z^2 at each node, (G, K)."""
    l1_x: ByGroup
    """sum l1 x at each node, (G, K, p)."""
    v_zx: ByGroup
    """sum v0 z x and sum v1 z x, (G, 2, p)."""

    @classmethod
    def of(cls, piece: PieceAtMode, slab: Slab, nodes: Nodes) -> tuple["NodeSums", Vector]:
        """Of some rows of a slab, and v0 of each."""
        rows, z, family = piece.rows, piece.rows.Z[:, 0], slab.family
        t, pi = nodes.t[piece.groups], nodes.pi[piece.groups]
        l1, l2 = np.empty((t.shape[1], rows.n)), np.empty((t.shape[1], rows.n))
        v0, v1, vt = np.zeros(rows.n), np.zeros(rows.n), np.zeros(rows.n)
        for k, eta in enumerate(_predictors(piece, slab, t)):
            share = to_rows(pi[:, k], rows.starts)
            l1[k], l2[k] = _where_shared(share, family.derivatives(rows.y, rows.weight, eta, slab.log_phi, 2))
            share = share * l2[k]
            v0 += share
            v1 += nodes.root_2_x[k] * share
            vt += to_rows(t[:, k], rows.starts) * share
        by_x = weighted_by_group(np.concatenate([l1, (z * v0)[None], (z * v1)[None]]), rows.X, rows.starts)
        sums = cls(
            vt_zx=(z * vt) @ rows.X,
            dots=_dots(piece, slab, t, pi) if slab.layout.dispersion else None,
            l1_z=by_group(l1 * z, rows.starts),
            l2_zz=by_group(l2 * (z * z), rows.starts),
            l1_x=by_x[:, : len(l1)],
            v_zx=by_x[:, len(l1) :],
        )
        return sums, v0


@dataclass(frozen=True)
class LastDots:
    """What a dispersion adds to the last sums."""

    x: Vector
    """sum (rho l2. a - kappa l3. a^2) x, (p,)."""
    curvature: float
    """sum rho l1.. a - kappa l2.. a^2."""
    z: ByGroup
    """sum (rho l2. a - kappa l3. a^2) z, (G,)."""
    e: ByGroup
    """sum (rho l1. - 2 kappa l2. a) z, (G,)."""


@dataclass(frozen=True)
class LastSums:
    """Sums at the mode that need the nodes' first."""

    xx: Matrix
    """sum (v0 + alpha) x x', (p, p)."""
    dots: LastDots | None
    alpha: ByGroup
    """sum alpha z (x, z)', (G, p + 1)."""
    beta: ByGroup
    """sum beta z, (G,)."""
    gamma: ByGroup
    """sum gamma z (x, z)', (G, p + 1)."""

    @classmethod
    def of(
        cls,
        piece: PieceAtMode,
        v0: Vector,
        dots: DispersionDerivatives | None,
        *,
        slab: Slab,
        kappa: Vector,
        rho: Vector,
    ) -> "LastSums":
        """Of some rows of a slab, given what was kept of them, and each group's kappa and rho, (G,)."""
        rows, z, (_, _, l2, l3, l4) = piece.rows, piece.rows.Z[:, 0], piece.l
        a = slab.T[0, 0] * z
        kappa, rho = to_rows(kappa[piece.groups], rows.starts), to_rows(rho[piece.groups], rows.starts)
        alpha = rho * l3 * a - kappa * l4 * a * a
        moments = piece.moments(np.stack([alpha * z, (rho * l2 - 2.0 * kappa * l3 * a) * z]))
        return cls(
            xx=weighted_cross_product(rows.X, v0 + alpha),
            dots=None if dots is None else _last_dots(piece, dots, a, kappa, rho),
            alpha=moments[:, 0],
            beta=by_group((rho * l2 * a - kappa * l3 * a * a) * z, rows.starts),
            gamma=moments[:, 1],
        )


def _predictors(piece: PieceAtMode, slab: Slab, t: Array) -> list[Vector]:
    """The predictor at each node: it moves by a (t_k - u), so X is not needed."""
    a = slab.T[0, 0] * piece.rows.Z[:, 0]
    moves = (t - slab.u[piece.groups]).T
    return [piece.eta + a * to_rows(move, piece.rows.starts) for move in moves]


def _where_shared(share: Vector, values: list[Vector]) -> list[Vector]:
    """Zero in the rows of a group for which a node has no share: outside a link's domain there are no derivatives."""
    return [np.where(share > 0.0, value, 0.0) for value in values]


def _dots(piece: PieceAtMode, slab: Slab, t: Array, pi: Array) -> NodeDots:
    rows, z = piece.rows, piece.rows.Z[:, 0]
    l, l1_z, l1_d, curvature = [], [], np.zeros(rows.n), 0.0
    for k, eta in enumerate(_predictors(piece, slab, t)):
        dots = slab.family.dispersion_derivatives(rows.y, rows.weight, eta, slab.log_phi)
        share = to_rows(pi[:, k], rows.starts)
        l_d, l1_d_k, l_dd = _where_shared(share, [dots.l_d, dots.l1_d, dots.l_dd])
        l.append(by_group(l_d, rows.starts))
        l1_z.append(by_group(l1_d_k * z, rows.starts))
        l1_d += share * l1_d_k
        curvature += float(share @ l_dd)
    return NodeDots(x=l1_d @ rows.X, curvature=curvature, l=np.stack(l, axis=1), l1_z=np.stack(l1_z, axis=1))


def _last_dots(piece: PieceAtMode, dots: DispersionDerivatives, a: Vector, kappa: Vector, rho: Vector) -> LastDots:
    rows, z = piece.rows, piece.rows.Z[:, 0]
    along = rho * dots.l2_d * a - kappa * dots.l3_d * a * a
    return LastDots(
        x=along @ rows.X,
        curvature=float(np.sum(rho * dots.l1_dd * a - kappa * dots.l2_dd * a * a)),
        z=by_group(along * z, rows.starts),
        e=by_group((rho * dots.l1_d - 2.0 * kappa * dots.l2_d * a) * z, rows.starts),
    )
