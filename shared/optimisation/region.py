"""One step of a trust region, from sums alone: the maximiser of g's - s'As/2 with s no longer than the radius."""

import numpy as np

from shared.optimisation.arithmetic import Ldl, dot, ldl
from shared.optimisation.start import SMALLEST_PIVOT
from shared.parameters import Matrix, Vector

FIRST_SHIFT, SHIFT_FACTOR = 1e-3, 4.0
CLOSE_ENOUGH = 1.1
MAX_ITERATIONS = 40


def length(s: Vector, metric: Vector) -> float:
    """The norm of s in the metric."""
    return float(np.sqrt(dot(s * metric, s)))


def region_step(A: Matrix, g: Vector, metric: Vector, radius: float) -> Vector:
    """(A + shift metric)^-1 g, with the smallest of the tried shifts that is positive definite and short enough.

    Newton's step when A is positive definite and the step lies within the radius. Beyond that the shift is found by
    Newton's iteration on the secular equation, from below (More and Sorensen 1983).

    Args:
        A: -L'', any symmetric (P, P).
        g: L', (P,).
        metric: positive, (P,).
        radius: may be infinite.
    """
    shift, factored = _smallest_positive(A, metric)
    for _ in range(MAX_ITERATIONS):
        s = factored.solve(g)
        norm = length(s, metric)
        if norm <= CLOSE_ENOUGH * radius:
            break
        slope = dot(metric * s, factored.solve(metric * s))
        shift += (norm - radius) / radius * norm * norm / slope
        factored = _shifted(A, metric, shift)
    return s


def _smallest_positive(A: Matrix, metric: Vector) -> tuple[float, Ldl]:
    shift = 0.0
    factored = _shifted(A, metric, shift)
    while not factored.positive:
        shift = max(FIRST_SHIFT, SHIFT_FACTOR * shift)
        factored = _shifted(A, metric, shift)
    return shift, factored


def _shifted(A: Matrix, metric: Vector, shift: float) -> Ldl:
    return ldl(A + np.diag(shift * metric), metric * (1.0 + shift), SMALLEST_PIVOT)
