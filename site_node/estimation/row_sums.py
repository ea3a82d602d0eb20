"""What the Laplace formulas take from the rows once the groups' modes are known: one pass over X (docs/model.md, Laplace)."""

from dataclasses import dataclass

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.slab import PieceAtMode, Slab
from site_node.estimation.sums import ByGroup, dot_by_row, quadratic_by_row, weighted_cross_product


@dataclass(frozen=True)
class DispersionSums:
    """The sums with a dot; t = l3. h + l2. r'a."""

    x: Vector
    """sum (l1. + t/2) x, (p,)."""
    gradient: float
    """sum l. + l2. h/2."""
    curvature: float
    """sum l.. + (l2.. h + l1.. r'a)/2."""
    z: ByGroup
    """sum (l1. + t/2) z, (G, m)."""
    l1_z: ByGroup
    """sum l1. z, (G, m)."""
    l2_zz: ByGroup
    """sum l2. z z', (G, m, m)."""
    t_z: ByGroup
    """sum t z, (G, m)."""


@dataclass(frozen=True)
class RowSums:
    """Sums over the rows; w = l4 h + l3 r'a."""

    l: float
    x: Vector
    """sum (l1 + l3 h/2) x, (p,)."""
    xx: Matrix
    """sum (l2 + w/2) x x', (p, p)."""
    dispersion: DispersionSums | None
    z: ByGroup
    """sum (l1 + l3 h/2) z, (G, m)."""
    l1_z: ByGroup
    """sum l1 z, (G, m)."""
    e: ByGroup
    """sum (l2 r'a + l3 h) z, (G, m)."""
    w: ByGroup
    """sum w z (x, z)', (G, m, p + m)."""

    @classmethod
    def of(cls, piece: PieceAtMode, slab: Slab) -> "RowSums":
        """Of some rows of a slab."""
        rows, (l, l1, l2, l3, l4) = piece.rows, piece.l
        h = quadratic_by_row(rows.Z.T, slab.leverage[piece.groups], rows.starts)
        ra = dot_by_row(rows.Z.T, slab.r_z[piece.groups], rows.starts)
        l3_h = l3 * h
        slope, w = l1 + l3_h / 2, l4 * h + l3 * ra
        return cls(
            l=float(np.sum(l)),
            x=slope @ rows.X,
            xx=weighted_cross_product(rows.X, l2 + w / 2),
            dispersion=_dispersion(piece, slab, h, ra) if slab.layout.dispersion else None,
            z=piece.z_sum(slope),
            l1_z=piece.z_sum(l1),
            e=piece.z_sum(l2 * ra + l3_h),
            w=piece.moments(w * rows.Z.T),
        )


def _dispersion(piece: PieceAtMode, slab: Slab, h: Vector, ra: Vector) -> DispersionSums:
    rows = piece.rows
    dots = slab.family.dispersion_derivatives(rows.y, rows.weight, piece.eta, slab.log_phi)
    t = dots.l3_d * h + dots.l2_d * ra
    cross = dots.l1_d + t / 2
    return DispersionSums(
        x=cross @ rows.X,
        gradient=float(np.sum(dots.l_d + dots.l2_d * h / 2)),
        curvature=float(np.sum(dots.l_dd + (dots.l2_dd * h + dots.l1_dd * ra) / 2)),
        z=piece.z_sum(cross),
        l1_z=piece.z_sum(dots.l1_d),
        l2_zz=piece.zz_sum(dots.l2_d),
        t_z=piece.z_sum(t),
    )
