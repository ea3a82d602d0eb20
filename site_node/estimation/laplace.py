"""The Laplace log-likelihood of a site's rows, its exact gradient and its exact Hessian (docs/model.md, Laplace).

`contribution` adds up slabs of whole groups. The rows of each give sums by group (`slab`, `row_sums`): what remains here is
algebra on arrays of size groups x q x P.
"""

from functools import partial

import numpy as np

from shared.contribution import Contribution, worthless
from shared.parameters import Matrix, Vector
from site_node.estimation.model import Model
from site_node.estimation.row_sums import DispersionSums, RowSums
from site_node.estimation.rows import Rows
from site_node.estimation.slab import Slab, at_mode
from site_node.estimation.sums import Array
from site_node.estimation.workers import Spread, over_slabs


def contribution(rows: Rows, model: Model, psi: Vector) -> Contribution:
    """L, L' and L'' of the site's rows at psi, (P,).

    Worthless at a psi where the log-likelihood is not finite.
    """
    layout, size = model.layout, model.layout.size
    parameters = layout.unpack(psi)

    def of_slab(slab: Rows, spread: Spread) -> tuple[float, Vector, Matrix]:
        return laplace(at_mode(slab, model, parameters, spread))

    value, gradient, hessian = model.family.constant(rows.y, rows.weight), np.zeros(size), np.zeros((size, size))
    for part in over_slabs(of_slab, rows):
        value, gradient, hessian = value + part[0], gradient + part[1], hessian + part[2]
    if not (np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all()):
        return worthless(size)
    return Contribution(value, gradient, (hessian + hessian.T) / 2.0)


def laplace(slab: Slab) -> tuple[float, Vector, Matrix]:
    """L without the family's constant, L' and L'' of one slab (model.md, Laplace)."""
    sums: RowSums = slab.total(partial(RowSums.of, slab=slab))
    value = sums.l - float(np.sum(slab.u**2) + np.sum(np.linalg.slogdet(slab.H).logabsdet)) / 2
    g_psi = _mixed_derivative(slab, sums)
    U = slab.H_inv @ g_psi

    gradient = slab.d_sum(sums.x, sums.z) + np.einsum("gak,ga->k", U, slab.s) / 2
    gradient[slab.layout.theta] += np.sum(
        _theta_of(slab, slab.l2[:, :, slab.layout.p :] @ (slab.Lambda @ slab.H_inv)), axis=0
    )

    dH = -np.einsum("ca,gcdk,db->gabk", slab.Lambda, _with_u(slab, slab.l3, U), slab.Lambda)
    _subtract_theta_part(dH, slab)
    hessian = _row_products(slab, sums)
    hessian += _flat(g_psi).T @ _flat(U)
    w_a_d, w_a_D = slab.Lambda.T @ slab.along(sums.w), slab.Lambda.T @ _with_u(slab, sums.w, U)
    hessian += (_flat(w_a_d).T @ _flat(U) + _flat(U).T @ _flat(w_a_D)) / 2
    hessian += _theta_products(slab, sums, U)
    if sums.dispersion is not None:
        _add_dispersion(sums.dispersion, slab, U, gradient=gradient, hessian=hessian, dH=dH)
    H_inv_dH = np.einsum("gac,gcbk->gabk", slab.H_inv, dH)
    hessian += _flat(H_inv_dH).T @ _flat(H_inv_dH.transpose(0, 2, 1, 3)) / 2
    return value, gradient, hessian


def _flat(values: Array) -> Matrix:
    """(G, ..., P) as (G x ..., P), so that a sum over groups is one matrix product."""
    return np.reshape(values, (-1, values.shape[-1]))


def _with_u(slab: Slab, moments: Array, U: Array) -> Array:
    """The sums of (...) D' from those of (...)(x, z)', where D = d + U'a."""
    in_u = moments[..., slab.layout.p :] @ slab.Lambda
    return np.asarray(slab.along(moments) + np.einsum("g...a,gak->g...k", in_u, U))


def _theta_of(slab: Slab, values: Array) -> Array:
    """Entry [a, b] for each theta_k = Lambda[a, b]: (G, q, q) to (G, theta)."""
    entries = slab.layout.theta_entries
    return np.asarray(values[:, [a for a, _ in entries], [b for _, b in entries]])


def _mixed_derivative(slab: Slab, sums: RowSums) -> Array:
    """g_u,psi = sum ( l2 a d' + l1 [0, e_k] + l1. a c' ), (G, q, P)."""
    g_psi = slab.Lambda.T @ slab.along(slab.l2)
    for k, (a, b) in enumerate(slab.layout.theta_entries, start=slab.layout.p):
        g_psi[:, b, k] += sums.l1_z[:, a]
    if sums.dispersion is not None:
        g_psi[:, :, -1] += sums.dispersion.l1_z @ slab.Lambda
    return g_psi


def _row_products(slab: Slab, sums: RowSums) -> Matrix:
    """Sum v d d' with v = l2 + w/2: the one cross-product of the round, and theta's rows from the moments."""
    layout = slab.layout
    products = np.zeros((layout.size, layout.size))
    products[: layout.p, : layout.p] = sums.xx
    v_z_d = slab.along(slab.l2 + sums.w / 2)
    for k, (a, b) in enumerate(layout.theta_entries, start=layout.p):
        products[k, :] = products[:, k] = np.einsum("g,gk->k", slab.u[:, b], v_z_d[:, a])
    return products


def _theta_products(slab: Slab, sums: RowSums, U: Array) -> Matrix:
    """The terms of L'' that hold an e_k: with U, with r and D, with H^-1 a and D, and with e_l."""
    layout, z = slab.layout, slice(slab.layout.p, None)
    products = np.zeros((layout.size, layout.size))
    l2_z_D, l3_zz_D = _with_u(slab, slab.l2, U), _with_u(slab, slab.l3, U)
    Lambda_H_inv = slab.Lambda @ slab.H_inv
    for k, (a, b) in enumerate(layout.theta_entries, start=layout.p):
        column = np.einsum("g,gk->k", sums.e[:, a], U[:, b]) / 2
        column += np.einsum("g,gk->k", slab.r[:, b], l2_z_D[:, a]) / 2
        column += np.einsum("gc,gck->k", Lambda_H_inv[:, :, b], l3_zz_D[:, a])
        products[k, :] += column
        products[:, k] += column
        for m, (c, d) in enumerate(layout.theta_entries, start=layout.p):
            products[k, m] += np.sum(slab.H_inv[:, b, d] * slab.l2[:, a, z][:, c])
    return products


def _subtract_theta_part(dH: Array, slab: Slab) -> None:
    """Subtract sum l2 ( e_k a' + a e_k' ) from dH_k."""
    l2_z_a = slab.l2[:, :, slab.layout.p :] @ slab.Lambda
    for k, (a, b) in enumerate(slab.layout.theta_entries, start=slab.layout.p):
        dH[:, b, :, k] -= l2_z_a[:, a]
        dH[:, :, b, k] -= l2_z_a[:, a]


def _add_dispersion(
    dots: DispersionSums, slab: Slab, U: Array, *, gradient: Vector, hessian: Matrix, dH: Array
) -> None:
    """Add what the last entry of psi, lambda = log phi, brings to L', L'' and dH, in place (model.md, Dispersion)."""
    gradient[-1] += dots.gradient
    dH[..., -1] -= slab.Lambda.T @ dots.l2_zz @ slab.Lambda
    column = slab.d_sum(dots.x, dots.z) + np.einsum("gak,ga->k", U, dots.t_z @ slab.Lambda) / 2
    l2_z_H_inv_a = dots.l2_zz @ (slab.Lambda @ slab.H_inv)
    for k, (a, b) in enumerate(slab.layout.theta_entries, start=slab.layout.p):
        column[k] += np.sum(dots.l1_z[:, a] * slab.r[:, b] / 2 + l2_z_H_inv_a[:, a, b])
    hessian[-1, :] += column
    hessian[:, -1] += column
    hessian[-1, -1] += dots.curvature
