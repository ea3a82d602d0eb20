"""The one-shot start: from one message of each site to a first psi that is a few Newton steps from the optimum.

Each site sends quadratics in beta, expanded about beta = 0: its own log-likelihood around its own optimum, with the random
effects integrated out at each point of a small grid of standard deviations (docs/model.md, The step). Their sums over the
sites are the profile likelihood of a normal-normal model; its maximum is the start. For Gaussian responses the quadratics
are exact: they are taken at phi = 1 with the grid in units of phi.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from shared.contribution import Contribution, symmetric, total
from shared.optimisation.arithmetic import dot, exp, log, positive_ldl
from shared.optimisation.basis import choose_basis, start_lambda
from shared.optimisation.dispersion import initial_log_phi
from shared.optimisation.outcome import OutcomeKind
from shared.parameters import Matrix, ParameterLayout, Vector

OCTAVES = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0)
"""The grid: log2 of the random effects' standard deviations per unit root mean square of their column."""
LOWERED = -2.0
"""Octaves by which a single one of more than two effects is also tried."""
INTERCEPT = "(Intercept)"
DROWNED = 1e-10
"""Of the response's own sum of squares: a residual that drowns beside it. Then the sites' own residuals have to do."""
NO_RESIDUAL = 1e-24
"""Of the response's own sum of squares: a residual that rounding of single rows can explain."""
NARROW = 0.01
"""Of the standard deviations that a start found: those with which it is tried last."""


class Totals(NamedTuple):
    """What a site's rows add up to, before Z'Z."""

    rows: float
    groups: float
    """Of the inner grouping factor; one without a random term."""
    weight: float
    residual: float
    """Where phi is a sigma or a shape: residual sum of squares of the sites' own fits in units of V(mu); 0 elsewhere."""
    responses: float
    """Where phi is a size: weighted sum of the responses; 0 elsewhere."""
    predictors: float
    """Where a link's domain is limited: weighted sum of the sites' predictors of their means; 0 elsewhere."""


@dataclass(frozen=True)
class StartContribution:
    """A site's part of the start; parts add up."""

    quadratics: tuple[Contribution, ...]
    """In psi at beta = 0, one for each grid point: the theta entries are zero. In a family with a dispersion, at phi = 1, the
    value lacks -y'V^-1 y / 2 (beside which the rest would drown), and the last diagonal entry of the Hessian is -2 y'V^-1 y."""
    totals: Vector
    """`Totals` and the lower triangle of Z'Z, (6 + q (q + 1) / 2,)."""
    at_default: int = 0
    """Sites of whose own optimum a single unit decides too much, so that they expand about a point of no response's."""


def totals_size(layout: ParameterLayout) -> int:
    """How many totals a site sends."""
    return len(Totals._fields) + layout.q * (layout.q + 1) // 2


def totals_of(start: StartContribution) -> Totals:
    """Its totals, by name."""
    return Totals(*start.totals[: len(Totals._fields)].tolist())


def products(layout: ParameterLayout, totals: Vector) -> Matrix:
    """Z'Z, (q, q), of the totals."""
    return symmetric(totals[len(Totals._fields) :], layout.q)


@dataclass(frozen=True)
class Start:
    """Where the estimation begins."""

    psi: Vector
    basis: Matrix
    """B of shared/optimisation/basis.py, (q, q)."""
    unit_weight: float
    """Mean weight of a row, at most 1: what counts as a small gain is in this unit."""
    retreats: tuple[Vector, ...] = ()
    """Other psi to begin at, when the log-likelihood is not finite at the first."""


@dataclass(frozen=True)
class _Profile:
    """The maximum over beta (and phi) of one summed quadratic."""

    value: float
    beta: Vector
    phi: float


def add_starts(starts: Sequence[StartContribution]) -> StartContribution:
    """Sum the sites' parts."""
    quadratics = tuple(total(parts) for parts in zip(*(start.quadratics for start in starts), strict=True))
    totals = np.array([math.fsum(column) for column in zip(*(s.totals.tolist() for s in starts), strict=True)])
    return StartContribution(quadratics, totals, int(math.fsum(start.at_default for start in starts)))


def grid(layout: ParameterLayout) -> tuple[tuple[float, ...], ...]:
    """The log2 standard deviations, q each, at which a site integrates.

    Every combination for one or two random effects; for more, all equal, and all equal but one. The known one alone, or
    none at all.
    """
    q = layout.q
    if q == 0 or layout.known_sd is not None:
        return ((0.0,) * q,)
    if q <= 2:  # noqa: PLR2004 -- 36 points are still a small message, 216 are not
        return tuple(product(OCTAVES, repeat=q))
    equal = [(octave,) * q for octave in OCTAVES]
    lowered = [_lowered(point, a) for point in equal for a in range(q)]
    return (*equal, *(point for point in lowered if point not in equal))


def standard_deviations(layout: ParameterLayout, octaves: Sequence[float], totals: Vector) -> Vector:
    """The sds, (q,), at one grid point: in the units of the columns unless the sd is known."""
    if layout.known_sd is not None:
        return np.array([layout.known_sd])
    mean_square = _mean_products(layout, totals).diagonal()
    sd = np.array([exp(octave * log(2.0)) for octave in octaves])
    return np.asarray(sd / np.sqrt(np.where(mean_square > 0.0, mean_square, 1.0)))


def choose_start(layout: ParameterLayout, start: StartContribution) -> Start | OutcomeKind:
    """The first psi and its basis, or the ending that the sums already show."""
    points = grid(layout)
    found: dict[tuple[float, ...], _Profile] = {}
    for point, quadratic in zip(points, start.quadratics, strict=True):
        profile = _profile(layout, quadratic, totals_of(start))
        if isinstance(profile, OutcomeKind):
            return profile
        found[point] = profile
    best = max(points, key=lambda point: found[point].value)
    octaves = [octave + _vertex(found, best, a) for a, octave in enumerate(best)]
    sd = standard_deviations(layout, octaves, start.totals) * (found[best].phi if layout.known_sd is None else 1.0)
    basis = choose_basis(layout, _mean_products(layout, start.totals), sd)
    smallest = exp(OCTAVES[0] * log(2.0)) * found[best].phi
    Lambda = start_lambda(layout, basis, sd, smallest) if layout.theta_entries else np.zeros((layout.q, layout.q))
    phi, totals = found[best].phi, totals_of(start)
    mean = totals.responses / totals.weight if totals.weight > 0.0 else 1.0
    log_phi = initial_log_phi(layout.dispersion, phi * phi, mean) if layout.dispersion else 0.0
    psi = layout.pack(found[best].beta, Lambda, log_phi)
    unit_weight = min(1.0, totals.weight / totals.rows) or 1.0
    return Start(psi, basis, unit_weight, _retreats(layout, psi, totals))


def _retreats(layout: ParameterLayout, psi: Vector, totals: Totals) -> tuple[Vector, ...]:
    """A predictor that is constant is inside a limited domain, as the sites' own means are: there, and a quarter on the way.

    And there with small random effects: the mode of a group whose responses all ask for more may be outside with large ones.
    """
    if totals.predictors == 0.0 or INTERCEPT not in layout.fixed:
        return ()
    constant = psi.copy()
    constant[: layout.p] = 0.0
    constant[layout.fixed.index(INTERCEPT)] = totals.predictors / totals.weight
    narrow = constant.copy()
    narrow[layout.theta] *= NARROW
    return constant + (psi - constant) / 4.0, constant, narrow


def _lowered(point: tuple[float, ...], a: int) -> tuple[float, ...]:
    return (*point[:a], point[a] + LOWERED, *point[a + 1 :])


def _mean_products(layout: ParameterLayout, totals: Vector) -> Matrix:
    """Z'Z / n, (q, q)."""
    return np.asarray(products(layout, totals) / totals[0])


def _profile(layout: ParameterLayout, quadratic: Contribution, totals: Totals) -> _Profile | OutcomeKind:
    p = layout.p
    A, b = -quadratic.hessian[:p, :p], quadratic.gradient[:p]
    factored = positive_ldl(A)
    if factored is None:
        return OutcomeKind.NOT_IDENTIFIED
    beta = factored.solve(b)
    gain = dot(b, beta)
    if not layout.dispersion:
        return _Profile(quadratic.value + gain / 2, beta, 1.0)
    at_zero = -quadratic.hessian[-1, -1] / 2
    weight, own = totals.weight, totals.residual
    residual = at_zero - gain if at_zero - gain > DROWNED * at_zero else own
    if residual <= NO_RESIDUAL * at_zero or weight <= 0.0:
        return OutcomeKind.PERFECT_FIT
    mean_square = residual / weight
    value = quadratic.value - weight / 2 * (1.0 + log(mean_square))
    return _Profile(value, beta, math.sqrt(mean_square))


def _vertex(found: Mapping[tuple[float, ...], _Profile], best: tuple[float, ...], a: int) -> float:
    """Where the parabola through the best point and its two neighbours along axis a is highest, in octaves from it."""
    neighbours = [(*best[:a], best[a] + octave, *best[a + 1 :]) for octave in (-1.0, 1.0)]
    if not all(neighbour in found for neighbour in neighbours):
        return 0.0
    left, middle, right = (found[point].value for point in (neighbours[0], best, neighbours[1]))
    bend = left - 2.0 * middle + right
    return (left - right) / (2.0 * bend) if bend < 0.0 else 0.0
