"""The conditional modes u of the random effects at one psi, by a safeguarded Newton in every group at once."""

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.families.family import Family
from site_node.estimation.rows import Rows
from site_node.estimation.sums import by_group, to_rows

DECREMENT = 1e-16
"""Newton's decrement (squared length in posterior standard deviations) at which the next step is the last: its error is
quadratic in that."""
MAX_ITERATIONS = 200
SLACK = 1e-10
"""Relative loss of g that rounding explains."""


def conditional_modes(rows: Rows, eta_fixed: Vector, A: Matrix, family: Family, log_phi: float) -> Matrix:
    """Maximise g(u) = sum l - u'u/2 in every group, from u = 0 always: the answer depends on (rows, psi) alone.

    Args:
        rows: n rows in G groups.
        eta_fixed: offset + X beta, (n,).
        A: rows a_j = Lambda' z_j = d eta / d u, (n, q).
        family: the family, whose l is concave in eta.
        log_phi: its log dispersion.

    Returns:
        u, (G, q), to full accuracy; all NaN when g is not finite at u = 0 in some group.
    """
    groups, q = rows.groups, A.shape[1]
    u = np.zeros((groups, q))
    if not A.any():
        return u
    best, step = np.full(groups, -np.inf), np.zeros((groups, q))
    done = np.zeros(groups, dtype=bool)
    outer = A[:, :, None] * A[:, None, :]
    for _ in range(MAX_ITERATIONS):
        trial = u + step
        eta = eta_fixed + np.sum(A * to_rows(trial, rows.starts), axis=1)
        l, l1, l2 = family.derivatives(rows.y, rows.weight, eta, log_phi, 2)
        g = by_group(l, rows.starts) - 0.5 * np.sum(trial * trial, axis=1)
        better = ~done & (g >= best - SLACK * np.abs(best)) & np.isfinite(g)
        step[~better & ~done] *= 0.5
        g_u = (by_group(l1[:, None] * A, rows.starts) - trial)[better]
        H = np.eye(q) - by_group(l2[:, None, None] * outer, rows.starts)[better]
        newton = np.linalg.solve(H, g_u[:, :, None])[:, :, 0]
        u[better], best[better], step[better] = trial[better], g[better], newton
        last = np.flatnonzero(better)[np.sum(newton * g_u, axis=1) <= DECREMENT]
        u[last] += step[last]
        done[last] = True
        if done.all():
            return u
        if not np.isfinite(best).all():
            break
    return np.full((groups, q), np.nan)
