"""What a dispersion adds to the Laplace gradient and Hessian: the entry lambda = log phi of psi (docs/model.md, Dispersion)."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.families.family import DispersionDerivatives
from site_node.estimation.slab import Slab
from site_node.estimation.sums import Array


@dataclass(frozen=True)
class DispersionTerms:
    """The dots of a slab's rows, and their sums over groups."""

    dots: DispersionDerivatives
    l1_z: Array
    """sum l1. z, (G, q)."""
    l2_zz: Array
    """sum l2. z z', (G, q, q)."""

    @classmethod
    def of(cls, slab: Slab) -> Self:
        """Evaluate them at the slab's modes."""
        rows = slab.rows
        dots = slab.family.dispersion_derivatives(rows.y, rows.weight, slab.eta, slab.log_phi)
        return cls(dots, slab.z_sum(dots.l1_d), slab.zz_sum(dots.l2_d))

    def add(self, slab: Slab, U: Array, gradient: Vector, hessian: Matrix, dH: Array) -> None:
        """Add to L', L'' and dH, in place; lambda is the last entry of psi."""
        dots, h, ra = self.dots, slab.h, slab.ra
        gradient[-1] += np.sum(dots.l_d + dots.l2_d * h / 2)
        dH[..., -1] -= slab.Lambda.T @ self.l2_zz @ slab.Lambda
        t = dots.l3_d * h + dots.l2_d * ra
        column = slab.d_sum(dots.l1_d + t / 2)
        column += np.einsum("gak,ga->k", U, slab.z_sum(t) @ slab.Lambda) / 2
        l2_z_H_inv_a = self.l2_zz @ (slab.Lambda @ slab.H_inv)
        for k, (a, b) in enumerate(slab.layout.theta_entries, start=slab.layout.p):
            column[k] += np.sum(self.l1_z[:, a] * slab.r[:, b] / 2 + l2_z_H_inv_a[:, a, b])
        hessian[-1, :] += column
        hessian[:, -1] += column
        hessian[-1, -1] += np.sum(dots.l_dd + (dots.l2_dd * h + dots.l1_dd * ra) / 2)
