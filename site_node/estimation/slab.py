"""Some whole groups of a site at their modes: everything per row and per group that the Laplace formulas are made of.

Symbols are those of docs/model.md. The theta entries of psi need no columns of their own: with theta_k = Lambda[a, b],
d_k = z_a u_b and e_k = z_a (unit vector b), so sums over rows of d and e follow from sums of x and z (`along`).
"""

from dataclasses import dataclass

import numpy as np

from shared.parameters import Matrix, ParameterLayout, Parameters, Vector
from site_node.estimation.families.family import Family
from site_node.estimation.model import Model
from site_node.estimation.modes import conditional_modes
from site_node.estimation.rows import Rows
from site_node.estimation.sums import (
    Array,
    by_group,
    dot_by_row,
    outer_by_group,
    quadratic_by_row,
    weighted_by_group,
)


@dataclass(frozen=True)
class Slab:
    """Rows at the mode. The leading axis is n (per row) or G (per group)."""

    rows: Rows
    layout: ParameterLayout
    family: Family
    log_phi: float
    eta: Vector
    """(n,) at the mode."""
    l: tuple[Vector, ...]
    """l, l1, l2, l3, l4, each (n,)."""
    Lambda: Matrix
    """(q, q)"""
    u: Array
    """(G, q) modes."""
    H: Array
    """(G, q, q) = I - sum l2 a a'."""
    H_inv: Array
    """(G, q, q)"""
    h: Vector
    """(n,) leverage a'H^-1 a of each row on its own u."""
    r: Array
    """(G, q) = H^-1 s, with s = sum l3 h a."""
    s: Array
    """(G, q)"""
    ra: Vector
    """(n,) r'a."""

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

    def group_moments(self, weights: Matrix) -> Array:
        """For each group the sums of w_k (x, z): (k, n) to (G, k, p + q)."""
        rows = self.rows
        X, Z = (weighted_by_group(weights, design, rows.starts) for design in (rows.X, rows.Z))
        return np.concatenate([X, Z], axis=-1)

    def d_sum(self, weight: Vector) -> Vector:
        """The sum of w d over all rows: (n,) to (P,)."""
        z = self.z_sum(weight)
        theta = [np.sum(z[:, a] * self.u[:, b]) for a, b in self.layout.theta_entries]
        return np.concatenate([weight @ self.rows.X, theta, [0.0] if self.layout.dispersion else []])

    def zz_sum(self, weight: Vector) -> Array:
        """For each group sum w z z': (n,) to (G, q, q)."""
        return outer_by_group(self.rows.Z.T, weight, self.rows.starts)

    def z_sum(self, weight: Vector) -> Array:
        """For each group sum w z: (n,) to (G, q)."""
        return by_group(weight * self.rows.Z.T, self.rows.starts)


def at_mode(rows: Rows, model: Model, parameters: Parameters) -> Slab:
    """Find the modes and all that follows from them without another pass over X."""
    Lambda, log_phi, family = parameters.Lambda, parameters.log_phi, model.family
    y, weight, starts = rows.y, rows.weight, rows.starts
    eta_fixed = rows.offset + rows.X @ parameters.beta
    A = Lambda.T @ rows.Z.T
    u = conditional_modes(rows, eta_fixed, A, family, log_phi)
    eta = eta_fixed + dot_by_row(A, u, starts)
    l = [family.log_likelihood(y, weight, eta, log_phi), *family.derivatives(y, weight, eta, log_phi, 4)]
    H = np.eye(model.layout.q) - outer_by_group(A, l[2], starts)
    H_inv = _inverse(H)
    h = quadratic_by_row(A, H_inv, starts)
    s = by_group(l[3] * h * A, starts)
    r = np.einsum("gab,gb->ga", H_inv, s)
    return Slab(
        rows, model.layout, family, log_phi, eta, tuple(l), Lambda, u, H, H_inv, h, r, s, dot_by_row(A, r, starts)
    )


def _inverse(H: Array) -> Array:
    """H^-1 of every group; all NaN where one is singular in floating point, which H = I + ... is nowhere in exact arithmetic."""
    try:
        return np.linalg.inv(H).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return np.full_like(H, np.nan)
