"""The conditional modes u of the random effects at one psi, by a safeguarded Newton in every group at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Matrix, Vector
from site_node.estimation.arrow import Arrow
from site_node.estimation.nesting import Nesting
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


def conditional_modes(slopes: Slopes, nesting: Nesting, q: int) -> Matrix:
    """Maximise g(u) = sum l - u'u/2 in every outer group, from u = 0 always: the answer depends on (rows, psi) alone.

    Where g is concave, a step that ends where g still rises, or falls less steeply than it rose at the beginning, came
    closer; any other is halved, and so is one that leaves a link's domain. That needs slopes only, and no value of g. Where g
    is not concave (docs/model.md, Laplace) the step goes uphill all the same, and does not count as the last.

    Returns:
        u, (G, q), to full accuracy, an outer group's part with each of its groups; all NaN where g is out of floating
        point's reach in some group, u = 0 lies outside the domain, or no mode is found.
    """
    u = np.zeros((nesting.groups, q))
    step, rise, done = np.zeros_like(u), np.zeros(len(nesting.outer) - 1), np.zeros(len(nesting.outer) - 1, dtype=bool)
    for _ in range(MAX_ITERATIONS):
        trial = u + step
        with np.errstate(over="ignore", invalid="ignore"):  # a trial may end out of reach: then it is halved
            l1_a, l2_aa = slopes(trial)
        g_u = l1_a - nesting.once(trial)
        closer = ~done & (_inner(step, g_u, nesting) >= -OVERSHOOT * rise)
        moving = nesting.over(np.abs(step).max(axis=1)) > 0.0
        if not (closer | done | moving).all():
            break
        step[nesting.each(~closer)] *= 0.5
        rise[~closer] *= 0.5
        groups = nesting.each(closer)
        u[groups] = trial[groups]
        l2_aa[~groups] = 0.0  # a trial that is not taken has no say, however singular H is there
        arrow = Arrow.of(-l2_aa, nesting, uphill=True)
        before, newton = rise.copy(), arrow.solve(g_u[:, :, None])[:, :, 0]
        if not np.isfinite(newton[groups]).all():  # I is lost in H's rounding: psi is far out of reach
            break
        step[groups] = newton[groups]
        rise[closer] = _inner(step, g_u, nesting)[closer]
        last = closer & arrow.definite & _is_last(rise, before)
        at_last = nesting.each(last)
        u[at_last] += step[at_last]
        step[at_last] = 0.0
        done |= last
        if done.all():
            return u
    return np.full_like(u, np.nan)


def _inner(step: Matrix, g_u: Matrix, nesting: Nesting) -> Vector:
    """step'g_u over each outer group, (O,): g_u holds sums by group, and those for an outer group's effects add up."""
    return nesting.over(np.sum(step * g_u, axis=1))


def _is_last(step: Vector, before: Vector) -> NDArray[np.bool_]:
    """Whether a squared step is short, or the next one would be: once they are, steps shrink as r'' = r'^3 / r^2."""
    return (step <= DECREMENT) | ((before <= 1.0) & (step**3 <= NEGLIGIBLE * before**2))
