"""The conditional modes u of the random effects at one psi, by a safeguarded Newton in every group at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Matrix, Vector
from site_node.estimation.sums import Array

DECREMENT = 1e-14
"""Squared length of a Newton step, in posterior standard deviations, from which on it is the last: what is left after it is of
the order of its square."""
NEGLIGIBLE = 1e-24
"""The same for a step that need not be taken any more."""
OVERSHOOT = 0.5
"""Of the slope at a step's beginning, how steeply g may fall at its end."""
MAX_ITERATIONS = 200

Slopes = Callable[[Matrix], tuple[Array, Array]]
"""At u, (G, q): sum l1 a, (G, q), and sum l2 a a', (G, q, q), over the rows of every group."""


def conditional_modes(slopes: Slopes, groups: int, q: int) -> Matrix:
    """Maximise g(u) = sum l - u'u/2 in every group, from u = 0 always: the answer depends on (rows, psi) alone.

    g is concave, so a step that ends where g still rises, or falls less steeply than it rose at the beginning, came closer;
    any other is halved. That needs slopes only, and no value of g.

    Returns:
        u, (G, q), to full accuracy; all NaN where g is out of floating point's reach in some group.
    """
    u = np.zeros((groups, q))
    step, rise, done = np.zeros_like(u), np.zeros(groups), np.zeros(groups, dtype=bool)
    for _ in range(MAX_ITERATIONS):
        trial = u + step
        l1_a, l2_aa = slopes(trial)
        g_u = l1_a - trial
        closer = ~done & (np.sum(step * g_u, axis=1) >= -OVERSHOOT * rise)
        if not (closer | done | step.any(axis=1)).all():
            break
        step[~closer] *= 0.5
        rise[~closer] *= 0.5
        u[closer] = trial[closer]
        try:
            step[closer] = np.linalg.solve((np.eye(q) - l2_aa)[closer], g_u[closer][:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:  # I is lost in H's rounding: psi is far out of reach
            break
        before = rise.copy()
        rise[closer] = np.sum(step * g_u, axis=1)[closer]
        last = closer & _is_last(rise, before)
        u[last] += step[last]
        step[last] = 0.0
        done |= last
        if done.all():
            return u
    return np.full_like(u, np.nan)


def _is_last(step: Vector, before: Vector) -> NDArray[np.bool_]:
    """Whether a squared step is short, or the next one would be: once they are, steps shrink as r'' = r'^3 / r^2."""
    return (step <= DECREMENT) | ((before <= 1.0) & (step**3 <= NEGLIGIBLE * before**2))
