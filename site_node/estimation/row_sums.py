"""What the Laplace formulas take from the rows once the groups' modes are known: one pass over X (docs/model.md, Laplace)."""

from dataclasses import dataclass

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.slab import Piece, Slab
from site_node.estimation.sums import Additive, Array, dot_by_row, quadratic_by_row, weighted_cross_product


@dataclass(frozen=True)
class DispersionSums(Additive):
    """The sums with a dot; t = l3. h + l2. r'a."""

    l1_z: Array
    """sum l1. z, (G, q)."""
    l2_zz: Array
    """sum l2. z z', (G, q, q)."""
    t_z: Array
    """sum t z, (G, q)."""
    x: Vector
    """sum (l1. + t/2) x, (p,)."""
    z: Array
    """The same of z by group, (G, q)."""
    gradient: float
    """sum l. + l2. h/2."""
    curvature: float
    """sum l.. + (l2.. h + l1.. r'a)/2."""


@dataclass(frozen=True)
class RowSums(Additive):
    """Sums over the rows; w = l4 h + l3 r'a."""

    l: float
    x: Vector
    """sum (l1 + l3 h/2) x, (p,)."""
    z: Array
    """The same of z by group, (G, q)."""
    l1_z: Array
    """sum l1 z, (G, q)."""
    e: Array
    """sum (l2 r'a + l3 h) z, (G, q)."""
    w: Array
    """sum w z (x, z)', (G, q, p + q)."""
    xx: Matrix
    """sum (l2 + w/2) x x', (p, p)."""
    dispersion: DispersionSums | None

    @classmethod
    def of(cls, piece: Piece, slab: Slab) -> "RowSums":
        """Of some rows of a slab."""
        rows, (l, l1, l2, l3, l4) = piece.rows, piece.l
        h = quadratic_by_row(rows.Z.T, slab.Lambda @ slab.H_inv @ slab.Lambda.T, rows.starts)
        ra = dot_by_row(rows.Z.T, slab.r @ slab.Lambda.T, rows.starts)
        l3_h = l3 * h
        slope, w = l1 + l3_h / 2, l4 * h + l3 * ra
        return cls(
            l=float(np.sum(l)),
            x=slope @ rows.X,
            z=piece.z_sum(slope),
            l1_z=piece.z_sum(l1),
            e=piece.z_sum(l2 * ra + l3_h),
            w=piece.moments(w * rows.Z.T),
            xx=weighted_cross_product(rows.X, l2 + w / 2),
            dispersion=_dispersion(piece, slab, h, ra) if slab.layout.dispersion else None,
        )


def _dispersion(piece: Piece, slab: Slab, h: Vector, ra: Vector) -> DispersionSums:
    rows = piece.rows
    dots = slab.family.dispersion_derivatives(rows.y, rows.weight, piece.eta, slab.log_phi)
    t = dots.l3_d * h + dots.l2_d * ra
    cross = dots.l1_d + t / 2
    return DispersionSums(
        l1_z=piece.z_sum(dots.l1_d),
        l2_zz=piece.zz_sum(dots.l2_d),
        t_z=piece.z_sum(t),
        x=cross @ rows.X,
        z=piece.z_sum(cross),
        gradient=float(np.sum(dots.l_d + dots.l2_d * h / 2)),
        curvature=float(np.sum(dots.l_dd + (dots.l2_dd * h + dots.l1_dd * ra) / 2)),
    )
