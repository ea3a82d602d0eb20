"""What the restricted likelihood (REML) of a Gaussian model needs beside L: how X'V^-1 X moves (docs/model.md, REML).

A = X'V^-1 X = min over U of sum (-l2) (x + U'a)(x + U'a)' + U'U, which U = d u / d beta attains, so by the envelope theorem

    dA_k   = - sum l2 (U'e_k) D' +'                                            D = x + U'a
    d2A_kl = - sum l2 [ (U_l'e_k) D' + (U'e_k) (U'e_l + U_l'a)' ] +'           H U_l = sum l2 [ e_l D' + a (U'e_l)' ]

In lambda = log phi nothing is needed: A(theta, phi) is homogeneous of degree -2 (shared/optimisation/restricted.py).
"""

import numpy as np

from site_node.estimation.slab import Slab
from site_node.estimation.sums import Array


def information_derivatives(slab: Slab, U_own: Array, l2_D: Array) -> Array:
    """dA_k for each theta_k, then d2A_kl for l <= k, row by row: (t + t (t + 1) / 2, p, p).

    Args:
        slab: at the mode, of a Gaussian model.
        U_own: d u / d psi in the model's basis, (G, q, P).
        l2_D: sum l2 z D', (G, m, P).
    """
    p = slab.layout.p
    U, l2_z_D = U_own[:, :, :p], l2_D[:, :, :p]
    moved = [_moved(slab, U, l2_z_D, c, b) for _, c, b in slab.entries]
    first = [_twice(U[:, b], l2_z_D[:, c]) for _, c, b in slab.entries]
    second = []
    for n, (_, c, b) in enumerate(slab.entries):
        for U_l, (_, d, f) in zip(moved[: n + 1], slab.entries, strict=False):
            with_e = slab.l2_zz[:, c, d, None] * U[:, f] + ((slab.l2_zz @ slab.T)[:, c, None, :] @ U_l)[:, 0]
            second.append(_twice(U_l[:, b], l2_z_D[:, c]) + _twice(U[:, b], with_e))
    return -np.array([*first, *second]).reshape(-1, p, p)


def _moved(slab: Slab, U: Array, l2_z_D: Array, c: int, b: int) -> Array:
    """U_l = d U / d theta_l for theta_l = Lambda[a, b] with c the column of effect a, in the model's basis: (G, q, p)."""
    right = slab.T.T @ slab.l2_zz[:, :, c, None] * U[:, b, None, :]
    right[:, b] += l2_z_D[:, c]
    return slab.arrow.solve(right)


def _twice(left: Array, right: Array) -> Array:
    """Sum over groups of left right' and its transpose, from (G, p) each."""
    product = left.T @ right
    return np.asarray(product + product.T)
