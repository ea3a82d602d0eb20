"""One fit that nobody attacks, every answer of every site held against the release policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from shared.contribution import Contribution, total, worthless
from shared.dictionary import Variable
from shared.messages import EvaluateRequest
from shared.optimisation.outcome import OutcomeKind
from shared.optimisation.start import StartContribution, add_starts
from shared.optimisation.state import State
from shared.optimisation.step import begin, step
from shared.parameters import Matrix
from site_node.data.counts import Counts, LevelCounts, Units
from site_node.data.design import SiteDesign
from site_node.data.table import Table
from site_node.estimation.contribution import exposed_contribution
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import default_start, exposed_start
from site_node.release.leverage import Leverage
from site_node.release.policy import breaches
from site_node.release.withheld import may_withhold

Ending: TypeAlias = Literal["estimates", "shorter steps", "first psi", "trials", "no estimates", "no roster"]
ESTIMATES = {OutcomeKind.CONVERGED, OutcomeKind.BOUNDARY}


@dataclass
class Site:
    """One site, and how its answers fared at every psi of the fit of all."""

    rows: Rows
    judge: Leverage
    codes: tuple[str, ...]
    """Of the floors that it does not reach."""
    start: StartContribution
    default_start: bool
    own: bool = True
    either: bool = True
    carried: bool = True
    """By many, where it did not pass alone."""

    @classmethod
    def of(cls, rows: Rows, model: Model) -> "Site":
        """With the start that it may give."""
        counts = counts_of(rows, model)
        judge = Leverage.of(SiteDesign(rows, 0, counts))
        start, weights = exposed_start(rows, model)
        default = not judge.judged(weights).own
        codes = tuple(breach.code for breach in breaches(counts, "default"))
        return cls(rows, judge, codes, default_start(rows, model) if default else start, default)

    @property
    def answers(self) -> bool:
        return self.either and not self.codes

    @property
    def why(self) -> str:
        """The first rule that refuses it."""
        return (*self.codes, "leverage, among all" if self.carried else "leverage, few carry")[0]

    def note(self, weights: Matrix, pooled: Matrix | None) -> None:
        """What the policy says of one answer."""
        self.own &= self.judge.judged(weights).own
        if self.judge.judged(weights, pooled).heavy is not None:
            self.either = False
            self.carried &= all(map(self.judge.is_carried_by_many, weights))


@dataclass(frozen=True)
class Fit:
    """Of one model at several sites."""

    sites: tuple[Site, ...]
    rounds: int
    """If nobody is refused, the start included."""
    ending: Ending
    """Where the sites that keep the floors are the roster, and each does what the policy says."""


def honest_fit(rows: Sequence[Rows], model: Model) -> Fit:
    """The fit of all sites at every psi, whatever the policy says, and how that of those which keep the floors ends."""
    sites = tuple(Site.of(one, model) for one in rows)
    state, pooled = begun(sites, model)
    while state.ending is None:
        answers = [exposed_contribution(one.rows.in_basis(state.basis), model, state.psi) for one in sites]
        for one, (_, weights) in zip(sites, answers, strict=True):
            one.note(weights, pooled)
        summed = summed_up([contribution for contribution, _ in answers], model)
        pooled = _pooled(sites, model, summed, pooled)
        state = step(state, summed)
    if state.ending not in ESTIMATES:
        raise RuntimeError(f"a fit ended as {state.ending}")
    return Fit(sites, state.round + 1, ending([one for one in sites if not one.codes], model))


def ending(roster: Sequence[Site], model: Model) -> Ending:
    """Of a fit under the policy: a site that may not answer says nothing, where it may do that, and refuses elsewhere."""
    if not roster:
        return "no roster"
    state, pooled = begun(roster, model)
    withheld: list[set[int]] = [set() for _ in roster]
    while state.ending is None:
        said = []
        for one, silent in zip(roster, withheld, strict=True):
            contribution, weights = exposed_contribution(one.rows.in_basis(state.basis), model, state.psi)
            if one.judge.judged(weights, pooled).heavy is not None:
                if not may_withhold(question(state), {}, silent, state):
                    return "trials" if silent else "first psi"
                silent.add(state.round + 1)
                contribution = worthless(model.layout)
            said.append(contribution)
        summed = summed_up(said, model)
        pooled = _pooled(roster, model, summed, pooled)
        state = step(state, summed)
    if state.ending not in ESTIMATES:
        return "no estimates"
    return "shorter steps" if any(withheld) else "estimates"


def begun(sites: Sequence[Site], model: Model) -> tuple[State, Matrix | None]:
    """The state after the starts, and the information of all sites that a site knows by then, as `Analysis.verified`."""
    summed = add_starts([one.start for one in sites])
    state = begin(model.layout, summed, tolerance=1e-16, max_rounds=50)
    return state, None if model.layout.dispersion else _pooled(sites, model, summed.quadratics[0], None)


def summed_up(said: Sequence[Contribution], model: Model) -> Contribution:
    """The sum of what the sites say; nothing where one of them says nothing, as under masks."""
    summed = total(said)
    return worthless(model.layout) if summed.is_worthless else summed


def question(state: State) -> EvaluateRequest:
    """Of the next round."""
    psi, basis = tuple(state.psi.tolist()), tuple(state.basis.ravel().tolist())
    return EvaluateRequest(round=state.round + 1, specification_sha256="", psi=psi, basis=basis, previous=None)


def _pooled(sites: Sequence[Site], model: Model, summed: Contribution, before: Matrix | None) -> Matrix | None:
    """The fixed effects' block; a site alone masks nothing, and a sum that holds nothing leaves that before."""
    p = model.layout.p
    return before if len(sites) == 1 or summed.is_worthless else -summed.hessian[:p, :p]


def counts_of(rows: Rows, model: Model) -> Counts:
    """As of a design in whose formula every column is a variable and the outer group is the site."""
    binary = np.isin(rows.y, (0.0, 1.0)).all() and model.family.dispersion == "" and not model.family.limited
    outcomes = [rows.y > 0.0, rows.y < 1.0] if binary else []
    units = Units.of(outcomes, rows.weight > 0.0)
    levels: list[LevelCounts] = []
    for k, column in enumerate(rows.X.T):
        by_value = units.by_value(Variable(name=f"x{k}", type="number"), Table(rows.n, {f"x{k}": column}, {}, {}))
        levels += [found for found in (by_value, units.by_column(f"x{k}", column)) if found is not None]
    totals = tuple(int(outcome.sum()) for outcome in outcomes)
    return Counts(rows.n, model.layout.size, (), tuple(levels), totals)
