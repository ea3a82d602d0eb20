"""Adaptive Gauss-Hermite quadrature of one scalar random effect a group, with exact derivatives (docs/model.md, Quadrature).

The nodes t_k = u + sqrt(2) omega x_k move with psi, since the mode u and omega = H^-1/2 do. a = theta z for each row, and e
is z at theta. X is gone over as in Laplace, with a column more for each node in the skinny product.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import logsumexp, roots_hermite

from shared.parameters import Matrix, Vector
from site_node.estimation.derivatives import Derivatives
from site_node.estimation.laplace import l2_aa_slope, mixed_derivative, with_u
from site_node.estimation.node_sums import LastSums, ModeSums, Nodes, NodeSums, log_likelihoods
from site_node.estimation.slab import Slab
from site_node.estimation.sums import Array, put_together


@cache
def rule(points: int) -> tuple[Vector, Vector]:
    """sqrt(2) x_k and log w_k + x_k^2 of the Gauss-Hermite rule, each (K,)."""
    x, w = roots_hermite(points)
    return np.sqrt(2.0) * x, np.log(w) + x * x


@dataclass(frozen=True)
class Motion:
    """How mode and scale of each group move along psi."""

    H: Vector
    """(G,)"""
    omega: Vector
    """H^-1/2, (G,)."""
    u_: Array
    """u', (G, P)."""
    H_: Array
    """H' = - sum( l3 a^2 D + 2 l2 a e + l2. a^2 c ), (G, P)."""
    omega_: Array
    """omega' = - omega^3 H'/2, (G, P)."""

    @classmethod
    def of(cls, slab: Slab, modes: ModeSums) -> "Motion":
        """At the modes."""
        H_inv, dots = slab.arrow.inverse, modes.dots
        U = H_inv * mixed_derivative(slab, modes.l1_z, None if dots is None else dots.l1_z)
        minus_dH = l2_aa_slope(slab, with_u(slab, slab.l3, U), None if dots is None else dots.l2_zz)
        H_, omega = -minus_dH[:, 0, 0], np.sqrt(H_inv[:, 0, 0])
        return cls(1.0 / H_inv[:, 0, 0], omega, U[:, 0], H_, -(omega**3)[:, None] * H_ / 2.0)


def quadrature(slab: Slab, points: int) -> Derivatives:
    """L, L' and L'' of one slab with so many nodes (model.md, Quadrature)."""
    modes, dots = slab.total_beside(lambda piece: ModeSums.of(piece, slab))
    motion, u, (root_2_x, log_weight) = Motion.of(slab, modes), slab.u[:, 0], rule(points)
    t = u[:, None] + motion.omega[:, None] * root_2_x
    l = slab.total(lambda piece: log_likelihoods(piece, slab, t))
    log_terms = log_weight + l - t * t / 2.0
    log_sum = logsumexp(log_terms, axis=1)
    nodes = Nodes(root_2_x, t, np.exp(log_terms - log_sum[:, None]))
    value = float(np.sum(log_sum + np.log(motion.omega))) + len(u) * (np.log(2.0) - np.log(2.0 * np.pi)) / 2.0

    sums, v0 = slab.total_beside(lambda piece: NodeSums.of(piece, slab, nodes))
    gamma = slab.T[0, 0] * sums.l1_z - t
    G0, G1 = np.sum(nodes.pi * gamma, axis=1), np.sum(nodes.pi * gamma * root_2_x, axis=1)
    kappa = -(1.0 + motion.omega * G1) / (2.0 * motion.H)
    rho = (G0 - kappa * slab.s3) / motion.H
    at_last = zip(slab.pieces, v0, dots, strict=True)
    found = slab.spread(lambda of: (of[0].groups, LastSums.of(*of, slab=slab, kappa=kappa, rho=rho)), at_last)
    last: LastSums = put_together(list(found), len(u))

    p_k = _node_slopes(slab, nodes, sums, gamma, motion)
    p_bar = np.einsum("gk,gkp->gp", nodes.pi, p_k)
    gradient = np.sum(motion.omega_ / motion.omega[:, None] + p_bar, axis=0)
    deviations = np.sqrt(nodes.pi)[:, :, None] * (p_k - p_bar[:, None, :])
    hessian = deviations.reshape(-1, len(gradient)).T @ deviations.reshape(-1, len(gradient))
    hessian += (
        _of_nodes(slab, nodes, sums)
        + _of_the_mode(slab, last, kappa, motion)
        + _of_motion(slab, nodes, sums, kappa, motion)
    )
    return Derivatives(value, gradient, hessian)


def _node_slopes(slab: Slab, nodes: Nodes, sums: NodeSums, gamma: Array, motion: Motion) -> Array:
    """p_k = sum( l1k d_k + l.k c ) + gamma_k T_k, (G, K, P), with T_k = u' + sqrt(2) x_k omega'."""
    T_k = motion.u_[:, None, :] + nodes.root_2_x[:, None] * motion.omega_[:, None, :]
    p_k = gamma[:, :, None] * T_k
    p_k[..., : slab.layout.p] += sums.l1_x
    for k, _, _ in slab.entries:
        p_k[..., k] += nodes.t * sums.l1_z
    if sums.dots is not None:
        p_k[..., -1] += sums.dots.l
    return p_k


def _of_nodes(slab: Slab, nodes: Nodes, sums: NodeSums) -> Matrix:
    """Sum pi_k ( l2k d_k d_k' + l1.k d_k c' +' + l..k c c' ), but for x x'."""
    p, size = slab.layout.p, slab.layout.size
    total = np.zeros((size, size))
    for k, _, _ in slab.entries:
        total[k, :p] = total[:p, k] = sums.vt_zx
        total[k, k] = np.sum(nodes.pi * nodes.t**2 * sums.l2_zz)
    if sums.dots is not None:
        column = np.zeros(size)
        column[:p] = sums.dots.x
        for k, _, _ in slab.entries:
            column[k] = np.sum(nodes.pi * nodes.t * sums.dots.l1_z)
        total[-1] += column
        total[:, -1] += column
        total[-1, -1] += sums.dots.curvature
    return total


def _of_the_mode(slab: Slab, last: LastSums, kappa: Vector, motion: Motion) -> Matrix:
    """Sum { alpha D D' + beta( e u'^T +' ) + gamma( D e' +' ) - 2 kappa l2 e e' } and the dispersion's sum at the mode.

    x x' comes with the nodes' share of it: the one cross-product.
    """
    layout, theta, u_ = slab.layout, slab.T[0, 0], motion.u_
    total = np.zeros((layout.size, layout.size))
    total[: layout.p, : layout.p] = last.xx
    alpha_z_d, alpha_zz = slab.along(last.alpha[:, None, :])[:, 0], last.alpha[:, -1]
    with_mode = theta * alpha_z_d.T @ u_
    total += with_mode + with_mode.T + (theta * theta * alpha_zz * u_.T) @ u_
    for k, _, b in slab.entries:
        of_theta = slab.u[:, b] @ alpha_z_d
        total[k, : layout.p] += of_theta[: layout.p]
        total[: layout.p, k] += of_theta[: layout.p]
        total[k, k] += of_theta[k] - 2.0 * float(np.sum(kappa * slab.l2_zz[:, 0, 0]))
        gamma_z_D = slab.along(last.gamma[:, None, :])[:, 0] + (theta * last.gamma[:, -1])[:, None] * u_
        column = last.beta @ u_ + np.sum(gamma_z_D, axis=0)
        total[k] += column
        total[:, k] += column
    if last.dots is not None:
        column = slab.d_sum(last.dots.x, last.dots.z[:, None]) + theta * last.dots.z @ u_
        for k, _, _ in slab.entries:
            column[k] += np.sum(last.dots.e)
        total[-1] += column
        total[:, -1] += column
        total[-1, -1] += last.dots.curvature
    return total


def _of_motion(slab: Slab, nodes: Nodes, sums: NodeSums, kappa: Vector, motion: Motion) -> Matrix:
    """(b0 u'^T + b1 omega'^T) +' - sum pi_k H_k T_k T_k' - (3 kappa / 2H + 1 / 4H^2) H'H'^T."""
    theta, u_, omega_ = slab.T[0, 0], motion.u_, motion.omega_
    mixed = _b(slab, nodes, sums, 0, nodes.pi).T @ u_
    mixed += _b(slab, nodes, sums, 1, nodes.pi * nodes.root_2_x).T @ omega_
    H_k = 1.0 - theta * theta * sums.l2_zz
    h0, h1, h2 = (np.sum(nodes.pi * H_k * nodes.root_2_x**power, axis=1) for power in range(3))
    crossed = (h1 * u_.T) @ omega_
    squared = (h0 * u_.T) @ u_ + crossed + crossed.T + (h2 * omega_.T) @ omega_
    bend = 3.0 * kappa / (2.0 * motion.H) + 1.0 / (4.0 * motion.H**2)
    return np.asarray(mixed + mixed.T - squared - (bend * motion.H_.T) @ motion.H_)


def _b(slab: Slab, nodes: Nodes, sums: NodeSums, at: int, weight: Array) -> Array:
    """b0 or b1 = sum over nodes and rows of weight ( l2k a d_k + l1k e + l1.k a c ), (G, P)."""
    theta = slab.T[0, 0]
    b = np.zeros((len(slab.u), slab.layout.size))
    b[:, : slab.layout.p] = theta * sums.v_zx[:, at]
    for k, _, _ in slab.entries:
        b[:, k] = np.sum(weight * (theta * nodes.t * sums.l2_zz + sums.l1_z), axis=1)
    if sums.dots is not None:
        b[:, -1] = np.sum(weight * theta * sums.dots.l1_z, axis=1)
    return b
