"""The Laplace log-likelihood of a site's rows, its exact gradient and its exact Hessian (docs/model.md, Laplace).

`contribution` adds up slabs of whole groups. In each, X is passed over once for eta and once for everything else: one
weighted cross-product, and three kinds of moments per group. The rest is algebra on arrays of size groups x q x P.
"""

from dataclasses import dataclass

import numpy as np

from shared.contribution import Contribution, worthless
from shared.parameters import Matrix, Vector
from site_node.estimation.dispersion import DispersionTerms
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.slab import Slab, at_mode
from site_node.estimation.sums import Array, weighted_cross_product
from site_node.estimation.workers import over_slabs


def contribution(rows: Rows, model: Model, psi: Vector) -> Contribution:
    """L, L' and L'' of the site's rows at psi, (P,).

    Worthless at a psi where the log-likelihood is not finite.
    """
    layout, size = model.layout, model.layout.size
    parameters = layout.unpack(psi)

    def of_slab(slab: Rows) -> tuple[float, Vector, Matrix]:
        with np.errstate(over="ignore", invalid="ignore"):
            return laplace(at_mode(slab, model, parameters))

    value, gradient, hessian = model.family.constant(rows.y, rows.weight), np.zeros(size), np.zeros((size, size))
    for part in over_slabs(of_slab, rows):
        value, gradient, hessian = value + part[0], gradient + part[1], hessian + part[2]
    if not (np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all()):
        return worthless(size)
    return Contribution(value, gradient, (hessian + hessian.T) / 2.0)


def laplace(slab: Slab) -> tuple[float, Vector, Matrix]:
    """L without the family's constant, L' and L'' of one slab (model.md, Laplace)."""
    l, l1, l2, l3, l4 = slab.l
    value = float(np.sum(l) - np.sum(slab.u**2) / 2 - np.sum(np.linalg.slogdet(slab.H).logabsdet) / 2)
    terms = DispersionTerms.of(slab) if slab.layout.dispersion else None
    moments = _moments(slab, w=l4 * slab.h + l3 * slab.ra)
    g_psi = _mixed_derivative(slab, moments, terms)
    U = slab.H_inv @ g_psi

    gradient = slab.d_sum(l1 + l3 * slab.h / 2) + np.einsum("gak,ga->k", U, slab.s) / 2
    gradient[slab.layout.theta] += np.sum(
        _theta_of(slab, moments.l2[:, :, slab.layout.p :] @ (slab.Lambda @ slab.H_inv)), axis=0
    )

    dH = -np.einsum("ca,gcdk,db->gabk", slab.Lambda, _with_u(slab, moments.l3, U), slab.Lambda)
    _subtract_theta_part(dH, slab, moments)
    hessian = _row_products(slab, moments, v=l2 + (l4 * slab.h + l3 * slab.ra) / 2)
    hessian += _flat(g_psi).T @ _flat(U)
    w_a_d, w_a_D = slab.Lambda.T @ slab.along(moments.w), slab.Lambda.T @ _with_u(slab, moments.w, U)
    hessian += (_flat(w_a_d).T @ _flat(U) + _flat(U).T @ _flat(w_a_D)) / 2
    hessian += _theta_products(slab, moments, U)
    if terms is not None:
        terms.add(slab, U, gradient, hessian, dH)
    H_inv_dH = np.einsum("gac,gcbk->gabk", slab.H_inv, dH)
    hessian += _flat(H_inv_dH).T @ _flat(H_inv_dH.transpose(0, 2, 1, 3)) / 2
    return value, gradient, hessian


@dataclass(frozen=True)
class _Moments:
    """Sums over the rows of each group, the last axis over the columns of (x, z)."""

    l2: Array
    """sum l2 z (x, z)', (G, q, p + q)."""
    w: Array
    """sum w z (x, z)', with w = l4 h + l3 r'a, (G, q, p + q)."""
    l3: Array
    """sum l3 z z' (x, z)', (G, q, q, p + q)."""


def _moments(slab: Slab, w: Vector) -> _Moments:
    Z, q = slab.rows.Z.T, slab.layout.q
    lower, upper = np.tril_indices(q)
    weights = np.concatenate([slab.l[2] * Z, w * Z, slab.l[3] * Z[lower] * Z[upper]])
    sums = slab.group_moments(weights)
    l3 = np.empty((sums.shape[0], q, q, sums.shape[2]))
    l3[:, lower, upper] = l3[:, upper, lower] = sums[:, 2 * q :]
    return _Moments(sums[:, :q], sums[:, q : 2 * q], l3)


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


def _mixed_derivative(slab: Slab, moments: _Moments, terms: DispersionTerms | None) -> Array:
    """g_u,psi = sum ( l2 a d' + l1 [0, e_k] + l1. a c' ), (G, q, P)."""
    g_psi = slab.Lambda.T @ slab.along(moments.l2)
    l1_z = slab.z_sum(slab.l[1])
    for k, (a, b) in enumerate(slab.layout.theta_entries, start=slab.layout.p):
        g_psi[:, b, k] += l1_z[:, a]
    if terms is not None:
        g_psi[:, :, -1] += terms.l1_z @ slab.Lambda
    return g_psi


def _row_products(slab: Slab, moments: _Moments, v: Vector) -> Matrix:
    """Sum v d d' with v = l2 + w/2: the one cross-product of the round, and theta's rows from the moments."""
    layout = slab.layout
    products = np.zeros((layout.size, layout.size))
    products[: layout.p, : layout.p] = weighted_cross_product(slab.rows.X, v)
    v_z_d = slab.along(moments.l2 + moments.w / 2)
    for k, (a, b) in enumerate(layout.theta_entries, start=layout.p):
        products[k, :] = products[:, k] = np.einsum("g,gk->k", slab.u[:, b], v_z_d[:, a])
    return products


def _theta_products(slab: Slab, moments: _Moments, U: Array) -> Matrix:
    """The terms of L'' that hold an e_k: with U, with r and D, with H^-1 a and D, and with e_l."""
    layout, z = slab.layout, slice(slab.layout.p, None)
    products = np.zeros((layout.size, layout.size))
    l2_z_D, l3_zz_D = _with_u(slab, moments.l2, U), _with_u(slab, moments.l3, U)
    row_z = slab.z_sum(slab.l[2] * slab.ra + slab.l[3] * slab.h)
    Lambda_H_inv = slab.Lambda @ slab.H_inv
    for k, (a, b) in enumerate(layout.theta_entries, start=layout.p):
        column = np.einsum("g,gk->k", row_z[:, a], U[:, b]) / 2
        column += np.einsum("g,gk->k", slab.r[:, b], l2_z_D[:, a]) / 2
        column += np.einsum("gc,gck->k", Lambda_H_inv[:, :, b], l3_zz_D[:, a])
        products[k, :] += column
        products[:, k] += column
        for m, (c, d) in enumerate(layout.theta_entries, start=layout.p):
            products[k, m] += np.sum(slab.H_inv[:, b, d] * moments.l2[:, a, z][:, c])
    return products


def _subtract_theta_part(dH: Array, slab: Slab, moments: _Moments) -> None:
    """Subtract sum l2 ( e_k a' + a e_k' ) from dH_k."""
    l2_z_a = moments.l2[:, :, slab.layout.p :] @ slab.Lambda
    for k, (a, b) in enumerate(slab.layout.theta_entries, start=slab.layout.p):
        dH[:, b, :, k] -= l2_z_a[:, a]
        dH[:, :, b, k] -= l2_z_a[:, a]
