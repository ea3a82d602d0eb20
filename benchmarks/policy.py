"""Which honest fits the release policy lets pass, and by which rule it refuses others: docs/policy.md is what this prints."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from textwrap import fill

import numpy as np

from benchmarks.measured import table
from shared.contribution import total
from shared.dictionary import Variable
from shared.optimisation.outcome import OutcomeKind
from shared.optimisation.start import add_starts
from shared.optimisation.step import begin, step
from shared.parameters import ParameterLayout
from site_node.data.counts import Counts, LevelCounts, Units
from site_node.data.design import SiteDesign
from site_node.data.table import Table
from site_node.estimation.contribution import exposed_contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import default_start, exposed_start
from site_node.release.leverage import Leverage
from site_node.release.policy import breaches
from tests.reference.cases import Case, case, names

SIZES = (20, 40, 100)
"""Rows that a site has at least: whole outer groups are bundled until it has them."""
FEDERATIONS, SITES, ROWS = 50, 6, 80
"""Simulated ones, sites of each, rows of each site."""
WIDTH = 130
TITLE = "# Which honest fits the policy lets pass"
INTRODUCTION = (
    "What a site refuses has to be what tells of single patients, and not the fits that people want. Here nobody attacks: "
    "each fit is made by the rule of the step, and every site holds every answer against its policy, at every psi from the "
    "start to the end. The table is printed by `python -m benchmarks policy`."
)
RULES = (
    "`floors`: sites that keep the floors on counts (G5), which are looked at before any answer. `own`: sites of which no row "
    "is more than a third of what any of its answers says, by the site's own information (G1). `own or pooled`: these, and the "
    "sites whose rows drown in the information of all sites, of which at least a fifth of the rows, and ten, carry the answer, "
    "and in which no level or outcome has one row or two; a site can know that only from a sum that has a proof. `answers`: "
    "sites that keep the floors and pass in one of the two ways. In the first round the sum is that of the round itself."
)
REFERENCE = (
    "The reference fits ([tests/reference](../tests/reference/README.md)) with their outer groups bundled in the order of "
    "their numbers into sites of so many rows at least; they stay groups inside the sites, and their number is not held against "
    "the floor of three groups, since a site that is one group writes `(1 | site)`."
)
STARTS = (
    "`default starts`: sites that begin at the point that no response has a part in, because a row is more than a third of "
    "their own start. `most rounds`: of any of these fits, the start included."
)
SIMULATED = (
    f"{FEDERATIONS} simulated federations of {SITES} sites with {ROWS} rows each and a random intercept of the site: an "
    "intercept, a treatment and a sex of two equal halves, an age (normal), and in the second line of each family a laboratory "
    "value instead of the age, log-normal with a standard deviation of 1 on the scale of the logarithm. `all`: federations all "
    "of whose sites answer."
)
TRIALS = (
    "A step may go too far on its way. Where a trial is above the limits of leverage (G1), its site says nothing, as where the "
    "log-likelihood is not finite, and the step makes a shorter one: three times an analysis, then it refuses. At the first psi, "
    "and at one that is asked for again with more nodes, there is no way back, and it refuses at once. The tables above do not "
    "count on that: a site answers in them if it passes wherever it is asked."
)
ROSTERS = (
    "A site that passes only among all sites, or begins at the default start, joins one roster with its data within the "
    "window of its budget: further analyses in which it passes no better have the same sites, or it refuses (G4, "
    "`other_roster`). One that passes by its own rows joins any. A site that a roster leaves out is not asked, so this rule"
    " keeps it from being told apart only where one of the others passes among all sites alone."
)
BUDGETS = (
    "Budgets (G3) are of data and not of analysts: a site does not learn who asks. All analysts together have "
    "`specifications_per_window` different models of the same data in `window_days` days, which is stricter than as many for "
    "each, and any of them can use it up for the others."
)
WHY = {
    "too_few_rows": "G5: fewer than 20 rows",
    "too_many_columns": "G5: more than 0.33 parameters a row",
    "rare_outcome": "G5: an outcome of one row or two, or of none",
    "rare_level": "G5: a level, or a value of a number with few, of one row or two",
    "rare_cell": "G5: an outcome of one row or two within a level",
    "leverage, few carry": "G1: a row is too much of an answer for the site alone, and too few carry it for the other way",
    "leverage, among all": "G1: a row is too much of an answer for the site alone, and among all sites",
}


@dataclass
class Site:
    """One site in one honest fit."""

    judge: Leverage
    codes: tuple[str, ...]
    own: bool = True
    either: bool = True
    carried: bool = True
    """By many, where it did not pass alone."""
    default_start: bool = False

    @property
    def answers(self) -> bool:
        return self.either and not self.codes

    @property
    def why(self) -> str:
        """The first rule that refuses it."""
        return (*self.codes, "leverage, among all" if self.carried else "leverage, few carry")[0]


@dataclass
class Tally:
    """Sites of several fits."""

    fits: int = 0
    whole: int = 0
    """Fits in which every site answers."""
    sites: list[Site] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)

    def add(self, sites: Sequence[Site], rounds: int) -> None:
        self.rounds.append(rounds)
        self.fits, self.whole = self.fits + 1, self.whole + all(site.answers for site in sites)
        self.sites += sites

    def cells(self) -> list[str]:
        """Of the table."""
        told = ([not one.codes for one in self.sites], [one.own for one in self.sites])
        told += ([one.either for one in self.sites], [one.answers for one in self.sites])
        return [str(len(self.sites)), *(f"{np.mean(those):.2f}" for those in told)]

    def why(self) -> Counter[str]:
        """The first rule by which each of the sites that do not answer is refused."""
        return Counter(site.why for site in self.sites if not site.answers)

    def default_starts(self) -> int:
        return sum(site.default_start for site in self.sites)


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


def honest_fit(sites: Sequence[Rows], model: Model) -> tuple[list[Site], int]:
    """Every answer of every site of one fit, held against the policy; and the rounds it took."""
    found = []
    starts = []
    for rows in sites:
        counts = counts_of(rows, model)
        codes = tuple(breach.code for breach in breaches(counts, "default"))
        one = Site(Leverage.of(SiteDesign(rows, 0, counts)), codes)
        start, weights = exposed_start(rows, model)
        one.default_start = one.judge.judged(weights).heavy is not None
        starts.append(default_start(rows, model) if one.default_start else start)
        found.append(one)
    state = begin(model.layout, add_starts(starts), tolerance=1e-16, max_rounds=50)
    p, before = model.layout.p, None
    while state.ending is None:
        answers = [exposed_contribution(rows.in_basis(state.basis), model, state.psi) for rows in sites]
        summed = total([contribution for contribution, _ in answers])
        before = -summed.hessian[:p, :p] if before is None else before
        for one, (_, weights) in zip(found, answers, strict=True):
            one.own &= one.judge.judged(weights).heavy is None
            if one.judge.judged(weights, before).heavy is not None:
                one.either = False
                one.carried &= all(map(one.judge.is_carried_by_many, weights))
        before = -summed.hessian[:p, :p]
        state = step(state, summed)
    if state.ending not in {OutcomeKind.CONVERGED, OutcomeKind.BOUNDARY}:
        raise RuntimeError(f"a fit ended as {state.ending}")
    return found, state.round + 1


def bundled(one: Case, size: int) -> list[Rows]:
    """Whole outer groups, until a site has so many rows; what is left at the end goes to the last site."""
    labels, rows = np.unique(one.outer, return_counts=True)
    cuts, held = [0], 0
    for k, count in enumerate(rows.tolist()):
        held += count
        if held >= size:
            cuts, held = [*cuts, k + 1], 0
    cuts = [*cuts[:-1], len(labels)] if len(cuts) > 1 else [0, len(labels)]
    return [one.rows(np.isin(one.outer, labels[a:b])) for a, b in pairwise(cuts)]


def simulated(family: str, link: str, *, skewed: bool, seed: int) -> tuple[list[Rows], Model]:
    """One federation."""
    rng = np.random.default_rng(seed)
    model = Model(
        ParameterLayout.of_one_term(("(Intercept)", "treatment", "sex", "x"), ("(Intercept)",), dispersion=""),
        REGISTRY[family, link],
    )
    sites = []
    for effect in 0.5 * rng.normal(size=SITES):
        x = rng.normal(size=ROWS)
        X = np.column_stack([np.ones(ROWS), np.arange(ROWS) % 2, rng.permutation(ROWS) % 2, np.exp(x) if skewed else x])
        eta = X @ [-0.3, 0.4, -0.2, 0.2] + effect
        y = rng.random(ROWS) < 1.0 / (1.0 + np.exp(-eta)) if family == "binomial" else rng.poisson(np.exp(eta))
        ones = np.ones(ROWS)
        sites.append(
            Rows.sorted_by_group(X=X, Z=X[:, :1], y=y.astype(float), weight=ones, offset=0 * ones, group=0 * ones)
        )
    return sites, model


def reference(chosen: Sequence[str], size: int) -> dict[str, Tally]:
    """By family and link."""
    tallies: dict[str, Tally] = {}
    with ProcessPoolExecutor() as pool:
        for name, fitted in zip(chosen, pool.map(fit_of, chosen, repeat(size)), strict=True):
            (family,) = (" ".join(key) for key, known in REGISTRY.items() if known is case(name).model.family)
            tallies.setdefault(family, Tally()).add(*fitted)
    return tallies


def fit_of(name: str, size: int) -> tuple[list[Site], int]:
    """Of one case."""
    one = case(name)
    return honest_fit(bundled(one, size), one.model)


def simulation() -> dict[str, Tally]:
    """By what is simulated."""
    tallies: dict[str, Tally] = {}
    for family, link in (("binomial", "logit"), ("poisson", "log")):
        for skewed in (False, True):
            tally = tallies.setdefault(f"{family} {link}, {'laboratory value' if skewed else 'age'}", Tally())
            for seed in range(FEDERATIONS):
                tally.add(*honest_fit(*simulated(family, link, skewed=skewed, seed=seed)))
    return tallies


def reference_line(family: str, size: int, tally: Tally) -> tuple[object, ...]:
    return (family, size, tally.fits, *tally.cells(), tally.default_starts(), max(tally.rounds))


COLUMNS = ("sites", "floors", "own", "own or pooled", "answers")


def parts(by_size: dict[int, dict[str, Tally]], made: dict[str, Tally]) -> Iterator[str]:
    """Of the page."""
    yield TITLE
    yield from (fill(text, WIDTH, break_on_hyphens=False) for text in (INTRODUCTION, RULES))
    yield "## Reference fits"
    yield fill(REFERENCE + " " + STARTS, WIDTH, break_on_hyphens=False)
    lines = [
        reference_line(family, size, tally)
        for size, tallies in by_size.items()
        for family, tally in sorted(tallies.items())
    ]
    yield table(("family and link", "rows at least", "fits", *COLUMNS, "default starts", "most rounds"), lines).rstrip()
    yield "Why sites do not answer, by the first rule that refuses them:"
    why = {size: sum((tally.why() for tally in tallies.values()), Counter()) for size, tallies in by_size.items()}
    lines = [(f"`{code}`", *(counted[code] for counted in why.values()), rule) for code, rule in WHY.items()]
    yield table(("code", *(f"{size} rows" for size in by_size), "rule"), lines).rstrip()
    yield "## Simulated federations"
    yield fill(SIMULATED, WIDTH, break_on_hyphens=False)
    lines = [(name, *tally.cells(), f"{tally.whole / tally.fits:.2f}", _told(tally)) for name, tally in made.items()]
    yield table(("responses", *COLUMNS, "all", "refused by"), lines).rstrip()
    yield "## Over several answers"
    yield from (fill(text, WIDTH, break_on_hyphens=False) for text in (TRIALS, ROSTERS, BUDGETS))


def _told(tally: Tally) -> str:
    return ", ".join(f"`{code}` {count}" for code, count in tally.why().most_common()) or "nothing"


def main() -> None:
    by_size = {size: reference(names(), size) for size in SIZES}
    print("\n\n".join(parts(by_size, simulation())))
