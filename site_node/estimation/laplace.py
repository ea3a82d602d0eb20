"""The Laplace log-likelihood, its exact gradient and its exact Hessian (docs/model.md, Laplace and Dispersion).

The rows give sums by group (`slab`, `row_sums`): what remains here is algebra on arrays of size groups x q x P. It is written
in the basis that eliminates the outer groups, in which every formula after H has the same form (docs/model.md, Two grouping
factors); `U_own`, `r_own` and `solved` stand in the model's own.
"""

from functools import partial

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.derivatives import Derivatives
from site_node.estimation.restricted import information_derivatives
from site_node.estimation.row_sums import DispersionSums, RowSums
from site_node.estimation.slab import Slab
from site_node.estimation.sums import Array


def laplace(slab: Slab) -> Derivatives:
    """L, L' and L'' of one slab (model.md, Laplace)."""
    sums: RowSums = slab.total(partial(RowSums.of, slab=slab))
    nesting = slab.arrow.nesting
    value = sums.l - (float(np.sum(nesting.once(slab.u) ** 2)) + slab.arrow.log_det) / 2
    dots = sums.dispersion
    g_psi = mixed_derivative(slab, sums.l1_z, None if dots is None else dots.l1_z)
    U = slab.arrow.inverse @ nesting.joined(g_psi)
    U_own = U if nesting.q_outer == 0 else slab.arrow.W @ U
    l2_D, l3_D = with_u(slab, slab.l2, U), with_u(slab, slab.l3, U)

    gradient = slab.d_sum(sums.x, sums.z) + np.einsum("gak,ga->k", U, slab.s) / 2
    for k, c, b in slab.entries:
        gradient[k] += np.sum(slab.l2_zz[:, c] * slab.solved[:, :, b])

    minus_dH = l2_aa_slope(slab, l3_D, None if dots is None else dots.l2_zz)
    hessian = _row_products(slab, sums)
    hessian += _flat(g_psi).T @ _flat(U)
    w_a_d, w_a_D = _loaded(slab, slab.along(sums.w)), _loaded(slab, with_u(slab, sums.w, U))
    hessian += (_flat(w_a_d).T @ _flat(U) + _flat(U).T @ _flat(w_a_D)) / 2
    hessian += _theta_products(slab, sums, U_own, l2_D, l3_D)
    if dots is not None:
        _add_dispersion(dots, slab, U, gradient=gradient, hessian=hessian)
    hessian += _trace(slab, minus_dH)
    restricted = information_derivatives(slab, U_own, l2_D) if slab.layout.restricted else None
    return Derivatives(value, gradient, hessian, restricted)


def with_u(slab: Slab, moments: Array, U: Array) -> Array:
    """The sums of (...) D' from those of (...)(x, z)', where D = d + U'a."""
    in_z = slab.loads @ U
    own = moments[..., slab.layout.p :]
    inner = (1,) * (moments.ndim - 3)
    return np.asarray(slab.along(moments) + own @ in_z.reshape(len(in_z), *inner, *in_z.shape[1:]))


def l2_aa_slope(slab: Slab, l3_D: Array, l2_zz_dot: Array | None) -> Array:
    """The change of sum l2 a a' along psi in each group, (G, q, q, P): -dH_k.

    sum [ l3 D_k a a' + l2 ( e_k a' + a e_k' ) + l2. a a' c_k ]

    Args:
        slab: at the mode.
        l3_D: sum l3 z z' D', (G, m, m, P).
        l2_zz_dot: sum l2. z z', (G, m, m), with a dispersion.
    """
    loads = np.broadcast_to(slab.loads, (len(slab.u), *slab.loads.shape[1:]))
    W = np.broadcast_to(slab.arrow.W, (len(slab.u), *slab.arrow.W.shape[1:]))
    minus_dH = np.einsum("gca,gcdk,gdb->gabk", loads, l3_D, loads)
    l2_z_a = slab.l2_zz @ loads
    for k, c, b in slab.entries:
        outer = W[:, b, :, None] * l2_z_a[:, c, None, :]
        minus_dH[..., k] += outer + outer.transpose(0, 2, 1)
    if l2_zz_dot is not None:
        minus_dH[..., -1] += _loaded(slab, l2_zz_dot @ slab.loads)
    return np.asarray(minus_dH)


def mixed_derivative(slab: Slab, l1_z: Array, l1_z_dot: Array | None) -> Array:
    """Each group's part of g_u,psi = sum ( l2 a d' + l1 [0, e_k] + l1. a c' ), (G, q, P).

    Args:
        slab: at the mode.
        l1_z: sum l1 z, (G, m).
        l1_z_dot: sum l1. z, (G, m), with a dispersion.
    """
    g_psi = _loaded(slab, slab.along(slab.l2))
    for k, c, b in slab.entries:
        g_psi[:, :, k] += l1_z[:, c, None] * slab.arrow.W[:, b]
    if l1_z_dot is not None:
        g_psi[:, :, -1] += _loaded(slab, l1_z_dot[:, :, None])[:, :, 0]
    return g_psi


def _flat(values: Array) -> Matrix:
    """(G, ..., P) as (G x ..., P), so that a sum over groups is one matrix product."""
    return np.reshape(values, (-1, values.shape[-1]))


def _loaded(slab: Slab, sums: Array) -> Array:
    """Sums of z (...)' as sums of a (...)': (G, m, k) to (G, q, k)."""
    return np.asarray(slab.loads.transpose(0, 2, 1) @ sums)


def _row_products(slab: Slab, sums: RowSums) -> Matrix:
    """Sum v d d' with v = l2 + w/2: the one cross-product of the round, and theta's rows from the moments."""
    layout = slab.layout
    products = np.zeros((layout.size, layout.size))
    products[: layout.p, : layout.p] = sums.xx
    v_z_d = slab.along(slab.l2 + sums.w / 2)
    for k, c, b in slab.entries:
        products[k, :] = products[:, k] = slab.u[:, b] @ v_z_d[:, c]
    return products


def _theta_products(slab: Slab, sums: RowSums, U_own: Array, l2_D: Array, l3_D: Array) -> Matrix:
    """The terms of L'' that hold an e_k: with U, with r and D, with H^-1 a and D, and with e_l."""
    layout, W = slab.layout, slab.arrow.W
    products = np.zeros((layout.size, layout.size))
    H_inv = W @ slab.arrow.inverse @ W.transpose(0, 2, 1) if slab.arrow.nesting.q_outer else slab.arrow.inverse
    for k, c, b in slab.entries:
        column = (sums.e[:, c] @ U_own[:, b] + slab.r_own[:, b] @ l2_D[:, c]) / 2
        column += np.einsum("gm,gmk->k", slab.solved[:, :, b], l3_D[:, c])
        products[k, :] += column
        products[:, k] += column
        for j, d, f in slab.entries:
            products[k, j] += np.sum(H_inv[:, b, f] * slab.l2_zz[:, c, d])
    return products


def _trace(slab: Slab, minus_dH: Array) -> Matrix:
    """tr( H^-1 dH_k H^-1 dH_l ) / 2, with dS_k summed over each outer group."""
    q0, inverse, nesting = slab.arrow.nesting.q_outer, slab.arrow.inverse, slab.arrow.nesting
    H_inv_dH = np.einsum("gac,gcbk->gabk", inverse, minus_dH)
    total = np.zeros((slab.layout.size, slab.layout.size))
    if q0:
        first = nesting.outer[:-1]
        S_inv_dS = np.einsum("oac,ocbk->oabk", inverse[first, :q0, :q0], nesting.over(minus_dH[:, :q0, :q0]))
        total += _flat(S_inv_dS).T @ _flat(S_inv_dS.transpose(0, 2, 1, 3)) / 2
        H_inv_dH[:, :q0, :q0] = 0.0
    return np.asarray(total + _flat(H_inv_dH).T @ _flat(H_inv_dH.transpose(0, 2, 1, 3)) / 2)


def _add_dispersion(dots: DispersionSums, slab: Slab, U: Array, *, gradient: Vector, hessian: Matrix) -> None:
    """Add what the last entry of psi, lambda = log phi, brings to L' and L'', in place (model.md, Dispersion)."""
    gradient[-1] += dots.gradient
    column = slab.d_sum(dots.x, dots.z) + np.einsum("gak,ga->k", U, _loaded(slab, dots.t_z[:, :, None])[:, :, 0]) / 2
    for k, c, b in slab.entries:
        column[k] += np.sum(dots.l1_z[:, c] * slab.r_own[:, b] / 2)
        column[k] += np.sum(dots.l2_zz[:, c] * slab.solved[:, :, b])
    hessian[-1, :] += column
    hessian[:, -1] += column
    hessian[-1, -1] += dots.curvature
