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

    Where g is concave, a step that ends where g still rises, or falls less steeply than it rose at the beginning, came
    closer; any other is halved, and so is one that leaves a link's domain. That needs slopes only, and no value of g. Where g
    is not concave (docs/model.md, Laplace) the step goes uphill all the same, and does not count as the last.

    Returns:
        u, (G, q), to full accuracy; all NaN where g is out of floating point's reach in some group, u = 0 lies outside the
        domain, or no mode is found.
    """
    u = np.zeros((groups, q))
    step, rise, done = np.zeros_like(u), np.zeros(groups), np.zeros(groups, dtype=bool)
    for _ in range(MAX_ITERATIONS):
        trial = u + step
        with np.errstate(over="ignore", invalid="ignore"):  # a trial may end out of reach: then it is halved
            l1_a, l2_aa = slopes(trial)
        g_u = l1_a - trial
        closer = ~done & (np.sum(step * g_u, axis=1) >= -OVERSHOOT * rise)
        if not (closer | done | step.any(axis=1)).all():
            break
        step[~closer] *= 0.5
        rise[~closer] *= 0.5
        u[closer] = trial[closer]
        try:
            H, concave = _uphill((np.eye(q) - l2_aa)[closer])
            step[closer] = np.linalg.solve(H, g_u[closer][:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:  # I is lost in H's rounding: psi is far out of reach
            break
        before = rise.copy()
        rise[closer] = np.sum(step * g_u, axis=1)[closer]
        last = _is_last(rise, before)
        last[closer] &= concave
        last &= closer
        u[last] += step[last]
        step[last] = 0.0
        done |= last
        if done.all():
            return u
    return np.full_like(u, np.nan)


def _is_last(step: Vector, before: Vector) -> NDArray[np.bool_]:
    """Whether a squared step is short, or the next one would be: once they are, steps shrink as r'' = r'^3 / r^2."""
    return (step <= DECREMENT) | ((before <= 1.0) & (step**3 <= NEGLIGIBLE * before**2))


def _uphill(H: Array) -> tuple[Array, NDArray[np.bool_]]:
    """H of each group, (G, q, q), and whether it is positive definite; where not, with its eigenvalues' sizes, at least 1.

    So the step is Newton's where there is one, and as long as Newton's along any other direction but uphill.
    """
    try:
        np.linalg.cholesky(H)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(H)
        concave = values[:, 0] > 0.0
        sizes = np.maximum(np.abs(values), 1.0)
        return np.where(concave[:, None, None], H, (vectors * sizes[:, None, :]) @ vectors.transpose(0, 2, 1)), concave
    return H, np.ones(len(H), dtype=np.bool_)
