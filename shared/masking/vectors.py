"""What a site answers as one vector: a count of 1, so that a sum shows whether its masks cancelled, and then the numbers."""

from collections.abc import Iterator, Sequence

import numpy as np

from shared.contribution import Contribution, symmetric, triangle, worthless
from shared.errors import ContributionError
from shared.optimisation.start import StartContribution, grid, totals_size
from shared.parameters import ParameterLayout, Vector

COUNTS = 2
"""Of a contribution's entries, the first ones: what is read also where a site says nothing."""
NOT_CANCELLED = "the masks of its sites do not cancel: they do not all know the same analysis."
MISCOUNTED = "fewer sites than none, or more than there are, began at the default start: one of them miscounts."


def start_vector(start: StartContribution, counts: Sequence[int], layout: ParameterLayout) -> Vector:
    """The site's counts, and its start without the entries of theta, which are zero, (`start_length`,)."""
    p = layout.p
    parts = [np.array([1, start.at_default, *counts], float)]
    for one in start.quadratics:
        parts += [np.array([one.value]), one.gradient[:p], triangle(one.hessian[:p, :p])]
        if layout.dispersion:
            parts.append(np.array([one.gradient[-1], one.hessian[-1, -1]]))
    return np.concatenate([*parts, start.totals])


def start_length(layout: ParameterLayout, counts: int) -> int:
    """Entries of a start with so many counts."""
    return 2 + counts + len(grid(layout)) * _quadratic_length(layout) + totals_size(layout)


def start_in(
    vector: Vector, layout: ParameterLayout, sites: int, counts: int
) -> tuple[StartContribution, tuple[int, ...]]:
    """The start that a sum over so many sites stands for, and their counts.

    Raises:
        ContributionError: the masks did not cancel, or more sites began at the default point than there are.
    """
    numbers = iter(_counted(vector, sites).tolist())
    at_default = _at_default(next(numbers), sites)
    counted = tuple(int(next(numbers)) for _ in range(counts))
    quadratics = tuple(_quadratic(numbers, layout) for _ in grid(layout))
    return StartContribution(quadratics, np.fromiter(numbers, float), at_default), counted


def contribution_vector(contribution: Contribution, layout: ParameterLayout) -> Vector:
    """A contribution; one without a finite log-likelihood as zeros, counted, (`contribution_length`,)."""
    outside = contribution.is_worthless
    stack = () if contribution.information is None else contribution.information
    triangles = [triangle(matrix) for matrix in (contribution.hessian, *stack)]
    value = 0.0 if outside else contribution.value
    vector = np.concatenate([np.array([1.0, float(outside), value]), contribution.gradient, *triangles])
    if len(vector) != contribution_length(layout):
        raise ContributionError("it has another size than the specification's parameters.")
    return vector


def contribution_length(layout: ParameterLayout) -> int:
    """Entries of a contribution."""
    P, p = layout.size, layout.p
    stack = layout.information_size * p * (p + 1) // 2 if layout.restricted else 0
    return 3 + P + P * (P + 1) // 2 + stack


def contribution_in(vector: Vector, layout: ParameterLayout, sites: int) -> Contribution:
    """The contribution that a sum over so many sites stands for: worthless if it is so at any of them.

    Raises:
        ContributionError: the masks did not cancel.
    """
    numbers = _counted(vector, sites)
    outside, value = numbers[:2].tolist()
    if outside > 0.0:
        return worthless(layout)
    P, p = layout.size, layout.p
    gradient, hessian, stack = np.split(numbers[2:], [P, P + P * (P + 1) // 2])
    information = None
    if layout.restricted:
        triangles = stack.reshape(layout.information_size, p * (p + 1) // 2)
        information = np.array([symmetric(one, p) for one in triangles]).reshape(-1, p, p)
    return Contribution(value, gradient, symmetric(hessian, P), information)


def _counted(vector: Vector, sites: int) -> Vector:
    if vector[0] != sites:
        raise ContributionError(NOT_CANCELLED)
    return vector[1:]


def _at_default(number: float, sites: int) -> int:
    if not 0 <= number <= sites:
        raise ContributionError(MISCOUNTED)
    return int(number)


def _quadratic_length(layout: ParameterLayout) -> int:
    p = layout.p
    return 1 + p + p * (p + 1) // 2 + (2 if layout.dispersion else 0)


def _quadratic(numbers: Iterator[float], layout: ParameterLayout) -> Contribution:
    p, size = layout.p, layout.size
    value, gradient, hessian = next(numbers), np.zeros(size), np.zeros((size, size))
    gradient[:p] = [next(numbers) for _ in range(p)]
    hessian[:p, :p] = symmetric(np.array([next(numbers) for _ in range(p * (p + 1) // 2)]), p)
    if layout.dispersion:
        gradient[-1], hessian[-1, -1] = next(numbers), next(numbers)
    return Contribution(value, gradient, hessian)
