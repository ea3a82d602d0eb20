"""The one-shot start: from one message of each site to a first psi that is a few Newton steps from the optimum.

Each site sends quadratics in beta, expanded about beta = 0: its own log-likelihood around its own optimum, with the random
effects integrated out at each point of a small grid of standard deviations (docs/model.md, The step). Their sums over the
sites are the profile likelihood of a normal-normal model; its maximum is the start. For Gaussian responses the quadratics
are exact: they are taken at phi = 1 with the grid in units of phi, and the entry of log phi says what phi does.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from shared.contribution import Contribution, total
from shared.optimisation.arithmetic import dot, exp, ldl, log
from shared.parameters import Matrix, ParameterLayout, Vector

OCTAVES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0)
"""The grid: log2 of the random effects' standard deviations per unit root mean square of their column."""
SMALLEST_PIVOT = 1e-12
"""Of a matrix scaled to a unit diagonal; below it, rounding in the sums hides whether columns differ."""


@dataclass(frozen=True)
class StartContribution:
    """A site's part of the start; parts add up."""

    quadratics: tuple[Contribution, ...]
    """In psi at beta = 0, one for each grid point: the theta entries are zero."""
    squares: Vector
    """Row count and sum of squares of each random-effect column, (1 + q,)."""


@dataclass(frozen=True)
class _Profile:
    """The maximum over beta (and phi) of one summed quadratic."""

    value: float
    beta: Vector
    phi: float


def add_starts(starts: Sequence[StartContribution]) -> StartContribution:
    """Sum the sites' parts."""
    quadratics = tuple(total(parts) for parts in zip(*(start.quadratics for start in starts), strict=True))
    squares = np.array([math.fsum(column) for column in zip(*(s.squares.tolist() for s in starts), strict=True)])
    return StartContribution(quadratics, squares)


def grid(layout: ParameterLayout) -> tuple[tuple[float, ...], ...]:
    """The log2 standard deviations, q each, at which a site integrates.

    Every combination for one or two random effects; all equal for more. The known one alone, or none at all.
    """
    if layout.q == 0 or layout.known_sd is not None:
        return ((0.0,) * layout.q,)
    if layout.q <= 2:  # noqa: PLR2004 -- 36 points are still a small message, 216 are not
        return tuple(product(OCTAVES, repeat=layout.q))
    return tuple((octave,) * layout.q for octave in OCTAVES)


def factor(layout: ParameterLayout, octaves: Sequence[float], squares: Vector) -> Matrix:
    """Lambda, (q, q), at one grid point: diagonal, in the units of the columns unless the sd is known."""
    if layout.known_sd is not None:
        return np.full((1, 1), layout.known_sd)
    mean_square = squares[1:] / squares[0]
    sd = np.array([exp(octave * log(2.0)) for octave in octaves])
    return np.diag(sd / np.sqrt(np.where(mean_square > 0.0, mean_square, 1.0)))


def start_psi(layout: ParameterLayout, start: StartContribution) -> Vector | None:
    """The first psi, or None when the columns are not identified."""
    points = grid(layout)
    profiles = [_profile(layout, quadratic) for quadratic in start.quadratics]
    found = {point: profile for point, profile in zip(points, profiles, strict=True) if profile is not None}
    if len(found) < len(points):
        return None
    best = max(points, key=lambda point: found[point].value)
    octaves = [octave + _vertex(found, best, a) for a, octave in enumerate(best)]
    Lambda = factor(layout, octaves, start.squares) * found[best].phi
    return layout.pack(found[best].beta, Lambda, log(found[best].phi))


def _profile(layout: ParameterLayout, quadratic: Contribution) -> _Profile | None:
    p = layout.p
    A, b = -quadratic.hessian[:p, :p], quadratic.gradient[:p]
    if not (A.diagonal() > 0.0).all():
        return None
    factored = ldl(A, A.diagonal(), SMALLEST_PIVOT)
    if not factored.positive:
        return None
    beta = factored.solve(b)
    gain = dot(b, beta)
    if not layout.dispersion:
        return _Profile(quadratic.value + gain / 2, beta, 1.0)
    at_zero = -quadratic.hessian[-1, -1] / 2  # y' V^-1 y in units of phi = 1; the entry of log phi has L' = this - n
    n = at_zero - quadratic.gradient[-1]
    residual = max(at_zero - gain, 1e-12 * at_zero)
    mean_square = residual / n if residual > 0.0 else 1.0
    value = quadratic.value + at_zero / 2 - n / 2 * (1.0 + log(mean_square))
    return _Profile(value, beta, math.sqrt(mean_square))


def _vertex(found: Mapping[tuple[float, ...], _Profile], best: tuple[float, ...], a: int) -> float:
    """Where the parabola through the best point and its two neighbours along axis a is highest, in octaves from it."""
    neighbours = [(*best[:a], best[a] + octave, *best[a + 1 :]) for octave in (-1.0, 1.0)]
    if not all(neighbour in found for neighbour in neighbours):
        return 0.0
    left, middle, right = (found[point].value for point in (neighbours[0], best, neighbours[1]))
    bend = left - 2.0 * middle + right
    return (left - right) / (2.0 * bend) if bend < 0.0 else 0.0
