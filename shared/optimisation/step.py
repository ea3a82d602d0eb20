"""The optimiser: `step(state, sum of contributions at state.psi) -> state`, pure and the same bits on every machine.

Newton's method in psi inside a trust region, for any symmetric L''. A trial that lowers L costs its round: the step is
taken anew and shorter from the old point's sums. Lengths are measured in a diagonal metric, the curvature seen so far.

theta is signed. L does not change when a column of Lambda changes sign, so a variance of zero is an ordinary stationary
point; `trial.Zeros` brings columns there and away again.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from shared.contribution import Contribution
from shared.optimisation.arithmetic import dot, positive_ldl, principal, times
from shared.optimisation.basis import is_invariant
from shared.optimisation.bend import Bend
from shared.optimisation.dispersion import at_its_limit
from shared.optimisation.outcome import OutcomeKind
from shared.optimisation.raising import Raising
from shared.optimisation.region import length, radius_after_gain, radius_after_loss, region_step
from shared.optimisation.restricted import restricted
from shared.optimisation.runaway import NO_GAIN
from shared.optimisation.start import StartContribution, choose_start, totals_of
from shared.optimisation.state import Point, State
from shared.optimisation.trial import columns, saddles
from shared.parameters import Indices, Matrix, ParameterLayout, Vector

NOISE = 1e-12
"""Relative rounding of a summed log-likelihood: gains below it cannot be seen in the values."""
NEAR = 1e-3
"""Decrement from which on a point with a quarter of it is closer, whatever rounding makes of the values."""
AT_REST, RESTS = 1e-8, 2
"""Decrement below which that many rounds without progress mean that rounding allows no more."""
MOST_OUTSIDE = 10
"""Trials without a finite log-likelihood: a scale that is out of reach takes a few, the end of a link's domain any number."""
NEARLY_FLAT = 1e-8
"""Relative pivot below which the curvature may be that of a gradient not quite zero: then the decrement has to be smaller."""
RIDGE = 1e-8
"""Relative ridge under which a stationary point without positive curvature shows itself."""


def begin(
    layout: ParameterLayout,
    start: StartContribution,
    *,
    tolerance: float,
    max_rounds: int,
    points: int | Literal["auto"] = 1,
) -> State:
    """The state after round 0, from the sum of the sites' start messages."""
    raising = Raising(totals_of(start).groups) if points == "auto" else None
    fixed = 1 if points == "auto" else points
    nowhere = State(
        layout,
        tolerance,
        max_rounds,
        round=0,
        psi=np.zeros(layout.size),
        basis=np.eye(layout.q),
        raising=raising,
        fixed_points=fixed,
    )
    chosen = choose_start(layout, start)
    if isinstance(chosen, OutcomeKind):
        return replace(nowhere, ending=chosen, not_identified_by=start.quadratics[0])
    begun = replace(nowhere, psi=chosen.psi, basis=chosen.basis)
    return replace(begun, unit_weight=chosen.unit_weight, retreats=chosen.retreats)


def step(state: State, summed: Contribution) -> State:
    """The next state, given the sites' sum at `state.psi`."""
    if state.layout.restricted:
        summed = restricted(state.layout, state.psi, summed)
    if state.raising and state.raising.below is not None and summed.is_worthless:
        return replace(state, round=state.round + 1, raising=state.raising.refused(), last_value=summed.value)
    raising = state.raising.evaluated(summed.value) if state.raising else None
    state = replace(state, round=state.round + 1, raising=raising, last_value=summed.value)
    old, new = state.point, _evaluated(state, summed)
    if old is None:
        if summed.is_worthless and state.retreats and state.round < state.max_rounds:
            return replace(state, psi=state.retreats[0], retreats=state.retreats[1:])
        if summed.is_worthless:
            return replace(state, ending=OutcomeKind.NOT_FINITE)
        radius = np.inf if new.decrement is not None else float(np.sqrt(float(state.layout.size)))
        state = replace(state, point=new, radius=radius, retreats=())
    elif _is_closer(old, new):
        state = _moved(state, old, new)
    else:
        state = _stayed(state, old, new)
    point = state.point if state.point is not None else new
    state = replace(state, last_accepted=point is new)
    ending = _ending(state, point)
    if raising and raising.is_near(point.decrement) and state.round < state.max_rounds:
        return replace(state, psi=point.psi, point=None, bend=None, rests=0, raising=raising.raised(point.summed.value))
    if ending is None and state.round >= state.max_rounds:
        ending = OutcomeKind.ROUND_LIMIT
    return replace(state, ending=ending, psi=point.psi) if ending else _with_trial(state, point)


def _evaluated(state: State, summed: Contribution) -> Point:
    A = -summed.hessian
    metric = np.abs(A.diagonal())
    if state.point is not None:
        metric = np.maximum(metric, state.point.metric)
    else:
        theta = list(state.layout.theta_diagonal)  # a first step of theta's own size is one unit, or shorter
        sizes = _squared_sizes(state)
        metric[theta] = np.maximum(metric[theta], np.where(sizes > 0.0, 1.0 / np.where(sizes > 0.0, sizes, 1.0), 0.0))
        metric = np.where(metric > 0.0, metric, 1.0)
    return Point(state.psi, summed, metric, *_decrement(state, A, summed.gradient))


def _squared_sizes(state: State) -> Vector:
    """Of the diagonal of Lambda; the largest of a term's in a basis of our own."""
    Lambda = state.layout.unpack(state.psi).Lambda
    sizes = np.array(Lambda.diagonal() * Lambda.diagonal())
    for term, block in state.layout.blocks:
        if is_invariant(term):
            sizes[block] = sizes[block].max()
    return sizes if state.layout.theta_entries else sizes[:0]


def _decrement(state: State, A: Matrix, g: Vector) -> tuple[float | None, float]:
    """The decrement, and the smallest pivot."""
    free = _free(state)
    factored = positive_ldl(principal(A, free), g[free])
    if factored is None:
        return None, 1.0
    return dot(g[free], factored.solution) / 2.0, min(factored.pivots.tolist())


def _free(state: State) -> Indices:
    """The parameters that are not held at zero."""
    held = {k for column, entries in columns(state.layout).items() if column in state.zeros.held for k in entries}
    return np.flatnonzero([k not in held for k in range(state.layout.size)])


def _is_closer(old: Point, new: Point) -> bool:
    """By value; or by the decrement where rounding hides the difference of the values."""
    if new.summed.value >= old.summed.value - NOISE * abs(old.summed.value):
        return True
    near = old.decrement is not None and old.decrement <= NEAR
    return near and new.decrement is not None and new.decrement <= (old.decrement or 0.0) / 4.0


def _moved(state: State, old: Point, new: Point) -> State:
    move = new.psi - old.psi
    gain = new.summed.value - old.summed.value
    radius, fell, at_rest = state.radius, False, False
    if old.decrement is not None and new.decrement is not None:
        # what a trial without a log-likelihood made short promised less; a step that is short by itself, near a limit, rests
        promised = state.predicted if state.outside else old.decrement
        fell = new.decrement < old.decrement - promised / 2.0
        at_rest = new.decrement <= AT_REST
    if state.predicted > NOISE * abs(new.summed.value):
        radius = radius_after_gain(radius, length(move, old.metric), gain / state.predicted)
    elif fell and state.outside:
        radius = radius_after_gain(radius, length(move, old.metric), 1.0)
    runaway = state.runaway.after(move, state.layout.p, -old.summed.hessian, -new.summed.hessian)
    rests = state.rests + 1 if at_rest and not fell else 0
    bend = Bend(move, old.summed.hessian - new.summed.hessian)
    return replace(state, point=new, radius=radius, runaway=runaway, rests=rests, bend=bend)


def _stayed(state: State, old: Point, new: Point) -> State:
    """A trial without a log-likelihood only makes the next one shorter: of rounding and of zeros it tells nothing."""
    move = new.psi - old.psi
    radius = radius_after_loss(
        length(move, old.metric), dot(old.summed.gradient, move), new.summed.value - old.summed.value
    )
    if new.summed.is_worthless:
        return replace(state, radius=radius, rests=0, outside=state.outside + 1, bend=None)
    at_rest = old.decrement is not None and old.decrement <= AT_REST
    before = state.zeros
    zeros = before.refused(state.layout, old.psi, new.psi, -old.summed.hessian, radius=radius)
    state = replace(state, radius=radius, zeros=zeros, rests=state.rests + 1 if at_rest else 0, bend=None)
    if zeros.held == before.held:
        return state
    decrement, pivot = _decrement(state, -old.summed.hessian, old.summed.gradient)
    return replace(state, point=replace(old, decrement=decrement, smallest_pivot=pivot), radius=np.inf)


def _ending(state: State, point: Point) -> OutcomeKind | None:
    A, g = -point.summed.hessian, point.summed.gradient
    if state.outside >= MOST_OUTSIDE:
        return OutcomeKind.NOT_FINITE
    if point.decrement is None:
        if set(saddles(state.layout, point.psi, A)) - state.zeros.held:
            return None
        flat, _ = _decrement(state, A + np.diag(RIDGE * np.abs(A.diagonal())), g)
        return OutcomeKind.NOT_IDENTIFIED if flat is not None and flat <= state.tolerance else None
    is_small = point.decrement <= state.tolerance * min(1.0, point.smallest_pivot / NEARLY_FLAT)
    if is_small and state.zeros.untried(state.layout, point.psi, A):
        return None
    if is_small or state.rests >= RESTS:
        return _optimum(state, point, is_small=is_small)
    runs_off = point.decrement <= NO_GAIN * state.unit_weight and state.runaway.columns()
    return OutcomeKind.SEPARATED if runs_off else None


def _optimum(state: State, point: Point, *, is_small: bool) -> OutcomeKind:
    """Of which kind it is; at rest without a small decrement, a nearly flat one is none."""
    if not is_small and point.smallest_pivot < NEARLY_FLAT:
        return OutcomeKind.NOT_IDENTIFIED
    at_zero = any(point.psi[k] == 0.0 for k in state.layout.theta_diagonal)
    at_limit = at_its_limit(state.layout, point.summed.hessian)
    return OutcomeKind.BOUNDARY if at_zero or at_limit else OutcomeKind.CONVERGED


def _with_trial(state: State, point: Point) -> State:
    """A new trial from the best point."""
    A, g, free = -point.summed.hessian, point.summed.gradient, _free(state)
    s, bent = np.zeros(state.layout.size), None if point.decrement is None else state.bend
    for bend in (bent, None):
        part = None if bend is None else bend.along(free)
        s[free] = region_step(principal(A, free), g[free], point.metric[free], state.radius, part)
        trial = state.zeros.snap(state.layout, point.psi + s, A)
        if bend is None or np.array_equal(trial, point.psi + s):  # only Newton's own step brings a variance to zero
            break
    trial = state.zeros.push(state.layout, point.psi, trial, A, metric=point.metric, radius=state.radius)
    zeros = state.zeros.leaving(state.layout, point.psi, A)
    move = trial - point.psi
    predicted = dot(g, move) - dot(move, times(A, move)) / 2.0
    return replace(state, psi=trial, predicted=predicted, zeros=zeros)
