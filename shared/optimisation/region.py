"""The trust region: one step from sums alone, and what its success says about the next one's radius."""

import numpy as np

from shared.optimisation.arithmetic import Ldl, dot, ldl
from shared.optimisation.bend import Bend
from shared.parameters import Matrix, Vector

FIRST_SHIFT, SHIFT_FACTOR, MOST_SHIFTS = 1e-3, 4.0, 60
CLOSE_ENOUGH = 1.1
MOST_SECULAR_STEPS = 40
POOR, GOOD = 0.25, 0.75
"""Ratios of actual to predicted gain below which the region shrinks and above which it grows."""
SHRINK, GROW = 0.25, 2.0


def length(s: Vector, metric: Vector) -> float:
    """The norm of s in the metric."""
    return float(np.sqrt(dot(s * metric, s)))


def region_step(A: Matrix, g: Vector, metric: Vector, radius: float, bend: Bend | None = None) -> Vector:
    """(A + shift metric)^-1 g, with the smallest of the tried shifts that is positive definite and short enough.

    Newton's step, bent, when A is positive definite and the step lies within the radius. Beyond that the shift is found by
    Newton's iteration on the secular equation, from below (More and Sorensen 1983).

    Args:
        A: -L'', any symmetric (P, P).
        g: L', (P,).
        metric: positive, (P,).
        radius: may be infinite.
        bend: of the last move.
    """
    shift, factored = _smallest_positive(A, g, metric)
    s = factored.solution
    for _ in range(MOST_SECULAR_STEPS):
        norm = length(s, metric)
        if norm <= CLOSE_ENOUGH * radius:
            break
        slope = dot(metric * s, factored.solve(metric * s))
        shift += (norm - radius) / radius * norm * norm / slope
        factored = _shifted(A, g, metric, shift)
        s = factored.solution
    if bend is None or shift > 0.0:
        return s
    return np.asarray(s + bend.correction(A, factored, s))


def radius_after_gain(radius: float, moved: float, ratio: float) -> float:
    """From the length of an accepted move and the ratio of its gain to the predicted one."""
    if ratio < POOR:
        return SHRINK * moved
    return max(radius, GROW * moved) if ratio > GOOD else radius


def radius_after_loss(moved: float, slope: float, change: float) -> float:
    """To the top of the parabola through the slope at the beginning of a refused move and the change at its end."""
    bend = slope - change
    fraction = slope / (2.0 * bend) if bend > 0.0 else 0.5
    return min(max(fraction, 0.1), 0.5) * moved


def _smallest_positive(A: Matrix, g: Vector, metric: Vector) -> tuple[float, Ldl]:
    shift = 0.0
    factored = _shifted(A, g, metric, shift)
    for _ in range(MOST_SHIFTS):
        if factored.positive:
            break
        shift = max(FIRST_SHIFT, SHIFT_FACTOR * shift)
        factored = _shifted(A, g, metric, shift)
    return shift, factored


def _shifted(A: Matrix, g: Vector, metric: Vector, shift: float) -> Ldl:
    return ldl(A + np.diag(shift * metric), metric * (1.0 + shift), g)
