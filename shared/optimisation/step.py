"""The optimiser: `step(state, sum of contributions at state.psi) -> state`, pure and the same bits on every machine.

Newton's method in psi inside a trust region, for any symmetric L''. A trial that lowers L costs its round: the step is
taken anew and shorter from the old point's sums. Lengths are measured in a diagonal metric, the curvature seen so far.

theta is signed. L does not change when a column of Lambda changes sign, so a variance of zero is an ordinary stationary
point that Newton reaches at a cubic rate; a column that a step brings within a small fraction of its own scale of zero
is set to exactly zero, and the sign of the curvature there decides whether it stays.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from shared.contribution import Contribution
from shared.optimisation.arithmetic import dot, ldl
from shared.optimisation.explanation import collapsed_effects, flat_directions
from shared.optimisation.outcome import Outcome, OutcomeKind
from shared.optimisation.region import length, region_step
from shared.optimisation.runaway import Runaway
from shared.optimisation.start import SMALLEST_PIVOT, StartContribution, start_psi
from shared.optimisation.trial import leave_saddle, snap_to_zero
from shared.parameters import Matrix, ParameterLayout, Vector

NOISE = 1e-12
"""Relative rounding of a summed log-likelihood: gains below it cannot be seen in the values."""
POOR, GOOD = 0.25, 0.75
"""Ratios of actual to predicted gain below which the region shrinks and above which it grows."""
SHRINK, GROW = 0.25, 2.0
RIDGE = 1e-8
"""Relative ridge under which a stationary point without positive curvature shows itself."""


@dataclass(frozen=True)
class Point:
    """An evaluated psi."""

    psi: Vector
    summed: Contribution
    metric: Vector
    """(P,) squared lengths of the trust region's axes: the largest curvature seen along each."""
    decrement: float | None
    """g'(-L'')^-1 g / 2, where -L'' is positive definite."""


@dataclass(frozen=True)
class State:
    """Everything that the next step depends on."""

    layout: ParameterLayout
    tolerance: float
    max_rounds: int
    round: int
    """Evaluations summed so far: 0 after the start."""
    psi: Vector
    """The trial to broadcast next; once there is an ending, the psi that it is about."""
    point: Point | None = None
    """The best evaluated psi; None until the first evaluation."""
    ending: OutcomeKind | None = None
    not_identified_by: Contribution | None = None
    """The start's sum, when it already shows that the columns are not identified."""
    radius: float = np.inf
    length: float = 0.0
    """Of the step to the trial."""
    predicted: float = 0.0
    """The gain that the quadratic promises of it."""
    runaway: Runaway = field(default_factory=Runaway)

    @property
    def decrement(self) -> float | None:
        """Newton's decrement at the best psi; None where the curvature is not positive definite."""
        return None if self.point is None else self.point.decrement

    @property
    def accepted(self) -> Contribution | None:
        """The sum at the best psi."""
        return None if self.point is None else self.point.summed

    @property
    def log_likelihood(self) -> float | None:
        """L at the best psi."""
        return None if self.point is None else self.point.summed.value

    @cached_property
    def outcome(self) -> Outcome | None:
        """The ending with its advice, None while it goes on. Explained on demand: it is no part of the state."""
        if self.ending is None:
            return None
        names: tuple[str, ...] = ()
        summed = self.point.summed if self.point else self.not_identified_by
        if self.ending is OutcomeKind.SEPARATED:
            names = tuple(self.layout.names[j] for j in self.runaway.columns(0.0))
        elif self.ending is OutcomeKind.BOUNDARY:
            names = collapsed_effects(self.layout, self.psi)
        elif self.ending is OutcomeKind.NOT_IDENTIFIED and summed is not None:
            names = flat_directions(self.layout, summed)
        return Outcome(self.ending, names)


def begin(layout: ParameterLayout, start: StartContribution, *, tolerance: float, max_rounds: int) -> State:
    """The state after round 0, from the sum of the sites' start messages."""
    psi = start_psi(layout, start)
    state = State(layout, tolerance, max_rounds, round=0, psi=np.zeros(layout.size) if psi is None else psi)
    if psi is None:
        return replace(state, ending=OutcomeKind.NOT_IDENTIFIED, not_identified_by=start.quadratics[0])
    return state


def step(state: State, summed: Contribution) -> State:
    """The next state, given the sites' sum at `state.psi`."""
    state = replace(state, round=state.round + 1)
    point = state.point
    if point is None:
        point = _evaluated(state, summed)
        state = replace(state, point=point)
    elif summed.value >= point.summed.value - NOISE * abs(point.summed.value):
        moved = (state.psi - point.psi)[: state.layout.p]
        radius = _radius_after_gain(state, point, summed)
        point = _evaluated(state, summed)
        state = replace(state, point=point, radius=radius, runaway=state.runaway.after(moved))
    else:
        return _end_or_go_on(replace(state, radius=_radius_after_loss(state, point, summed)), point)
    ending = _ending(state, point)
    return replace(state, ending=ending) if ending else _end_or_go_on(state, point)


def _evaluated(state: State, summed: Contribution) -> Point:
    A = -summed.hessian
    metric = np.abs(A.diagonal())
    if state.point is None:
        for k in state.layout.theta_diagonal:  # a first step of theta's own size is one unit, or shorter
            metric[k] = max(metric[k], 1.0 / state.psi[k] ** 2) if state.psi[k] != 0.0 else metric[k]
        metric = np.where(metric > 0.0, metric, 1.0)
    else:
        metric = np.maximum(metric, state.point.metric)
    return Point(state.psi, summed, metric, _decrement(A, summed.gradient))


def _decrement(A: Matrix, g: Vector) -> float | None:
    if not (A.diagonal() > 0.0).all():
        return None
    factored = ldl(A, A.diagonal(), SMALLEST_PIVOT)
    return dot(g, factored.solve(g)) / 2.0 if factored.positive else None


def _radius_after_gain(state: State, point: Point, summed: Contribution) -> float:
    if state.predicted <= NOISE * abs(summed.value):
        return state.radius
    ratio = (summed.value - point.summed.value) / state.predicted
    if ratio < POOR:
        return SHRINK * state.length
    return max(state.radius, GROW * state.length) if ratio > GOOD else state.radius


def _radius_after_loss(state: State, point: Point, summed: Contribution) -> float:
    """To the top of the parabola through what is known along the step."""
    slope = dot(point.summed.gradient, state.psi - point.psi)
    bend = slope - (summed.value - point.summed.value)
    fraction = slope / (2.0 * bend) if bend > 0.0 else 0.5
    return min(max(fraction, 0.1), 0.5) * state.length


def _ending(state: State, point: Point) -> OutcomeKind | None:
    if point.decrement is None:
        ridged = -point.summed.hessian + np.diag(RIDGE * np.abs(point.summed.hessian.diagonal()))
        flat = _decrement(ridged, point.summed.gradient)
        return OutcomeKind.NOT_IDENTIFIED if flat is not None and flat <= state.tolerance else None
    if point.decrement <= state.tolerance:
        at_zero = any(point.psi[k] == 0.0 for k in state.layout.theta_diagonal)
        return OutcomeKind.BOUNDARY if at_zero else OutcomeKind.CONVERGED
    return OutcomeKind.SEPARATED if state.runaway.columns(point.decrement) else None


def _end_or_go_on(state: State, point: Point) -> State:
    """The round limit, or a new trial from the best point."""
    if state.round >= state.max_rounds:
        return replace(state, ending=OutcomeKind.ROUND_LIMIT, psi=point.psi)
    A, g = -point.summed.hessian, point.summed.gradient
    s = region_step(A, g, point.metric, state.radius)
    predicted = dot(g, s) - dot(s, np.array([dot(row, s) for row in A])) / 2.0
    trial = snap_to_zero(state.layout, point.psi + s, A)
    trial = leave_saddle(state.layout, point.psi, trial, A, point.metric)
    return replace(state, psi=trial, length=length(s, point.metric), predicted=predicted)
