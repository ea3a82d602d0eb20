"""The conditional modes u of the random effects at one psi, by a safeguarded Newton in every group at once."""

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.families.family import Family
from site_node.estimation.rows import Rows
from site_node.estimation.sums import by_group, dot_by_row, outer_by_group

DECREMENT = 1e-14
"""Squared length of a Newton step, in posterior standard deviations, from which on it is the last: what is left after it is of
the order of its square."""
OVERSHOOT = 0.5
"""Of the slope at a step's beginning, how steeply g may fall at its end."""
MAX_ITERATIONS = 200


def conditional_modes(rows: Rows, eta_fixed: Vector, A: Matrix, family: Family, log_phi: float) -> Matrix:
    """Maximise g(u) = sum l - u'u/2 in every group, from u = 0 always: the answer depends on (rows, psi) alone.

    g is concave, so a step that ends where g still rises, or falls less steeply than it rose at the beginning, came closer;
    any other is halved. That needs slopes only, and no value of g.

    Args:
        rows: n rows in G groups.
        eta_fixed: offset + X beta, (n,).
        A: columns a_j = Lambda' z_j = d eta / d u, (q, n).
        family: the family, whose l is concave in eta.
        log_phi: its log dispersion.

    Returns:
        u, (G, q), to full accuracy; all NaN where g is out of floating point's reach in some group.
    """
    u = np.zeros((rows.groups, len(A)))
    if not A.any():
        return u
    step, rise, done = np.zeros_like(u), np.zeros(rows.groups), np.zeros(rows.groups, dtype=bool)
    for _ in range(MAX_ITERATIONS):
        trial = u + step
        eta = eta_fixed + dot_by_row(A, trial, rows.starts)
        l1, l2 = family.derivatives(rows.y, rows.weight, eta, log_phi, 2)
        g_u = by_group(l1 * A, rows.starts) - trial
        closer = ~done & (np.sum(step * g_u, axis=1) >= -OVERSHOOT * rise)
        if not (closer | done | step.any(axis=1)).all():
            break
        step[~closer] *= 0.5
        rise[~closer] *= 0.5
        H = np.eye(len(A)) - outer_by_group(A, l2, rows.starts)[closer]
        u[closer] = trial[closer]
        try:
            step[closer] = np.linalg.solve(H, g_u[closer][:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:  # I is lost in H's rounding: psi is far out of reach
            break
        rise[closer] = np.sum(step * g_u, axis=1)[closer]
        last = closer & (rise <= DECREMENT)
        u[last] += step[last]
        step[last] = 0.0
        done |= last
        if done.all():
            return u
    return np.full_like(u, np.nan)
