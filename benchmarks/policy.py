"""Which honest fits the release policy lets pass, and by which rule it refuses others: docs/policy.md is what this prints."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from textwrap import fill

import numpy as np

from benchmarks.honest_fit import Ending, Fit, Site, honest_fit
from benchmarks.measured import table
from shared.parameters import ParameterLayout
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
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
    "start to the end. The page is printed by `python -m benchmarks policy`."
)
RULES = (
    "`floors`: sites that keep the floors on counts (G5), which are looked at before any answer. `own`: sites of which no row "
    "is more than a third of what any of its answers says, by the site's own information (G1). `own or pooled`: these, and the "
    "sites whose rows drown in the information of all sites, of which at least a fifth of the rows, and ten, carry the answer, "
    "and in which no level or outcome has one row or two; a site can know that only from a sum that has a proof: the last one, "
    "and in the first round that of the starts, which serves nobody where the model has a dispersion. `answers`: sites that "
    "keep the floors and pass in one of the two ways. All these are of every psi of a fit of all sites, whoever may not answer. "
    "`estimates`: the share of fits that end with estimates when the sites that keep the floors are the roster and each of them "
    "does what the policy says."
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
    "value instead of the age, log-normal with a standard deviation of 1 on the scale of the logarithm."
)
ENDED = (
    "A refusal of one site ends the fit for all, so of fits at many small sites fewer end with estimates than the shares of "
    "sites would let one think; who leaves out the sites that refused asks again, of another roster. At the first psi of a model "
    "with a dispersion no sum shows yet that a site would pass among all sites. Where a trial was above the limit here, the "
    "shorter ones were too: that a shorter one helps is seen in `tests/federation/test_withheld.py`, and in none of these fits."
)
TRIALS = (
    "A step may go too far on its way. Where a trial is above the limits of leverage (G1), its site says nothing, as where the "
    "log-likelihood is not finite, and the step makes a shorter one: three times an analysis, then it refuses. At the first psi, "
    "and at one that is asked for again with more nodes, there is no way back, and it refuses at once. `estimates` counts with "
    "that; `answers` does not: those sites pass at every psi of a way that nobody makes shorter."
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
ENDINGS: dict[Ending, str] = {
    "estimates": "with estimates; every site answered at every psi",
    "shorter steps": "with estimates; a site said nothing at a trial, and the step made a shorter one",
    "first psi": "refused: a site may not answer at the first psi (G1)",
    "trials": "refused: a site may not answer at a fourth trial (G1)",
    "no estimates": "without estimates and refused by nobody: the rows of the roster do not identify the model, or separate it",
    "no roster": "not begun: no site keeps the floors (G5)",
}


@dataclass
class Tally:
    """Several fits."""

    fits: list[Fit] = field(default_factory=list)

    @property
    def sites(self) -> list[Site]:
        return [one for fit in self.fits for one in fit.sites]

    def cells(self) -> list[str]:
        """Of the table."""
        told = [[not one.codes for one in self.sites], [one.own for one in self.sites]]
        told += [[one.either for one in self.sites], [one.answers for one in self.sites]]
        told += [[fit.ending in {"estimates", "shorter steps"} for fit in self.fits]]
        return [str(len(self.sites)), *(f"{np.mean(those):.2f}" for those in told)]

    def why(self) -> Counter[str]:
        """The first rule by which each of the sites that do not answer is refused."""
        return Counter(site.why for site in self.sites if not site.answers)

    def endings(self) -> Counter[Ending]:
        return Counter(fit.ending for fit in self.fits)


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
        ones, group = np.ones(ROWS), np.zeros(ROWS, dtype=np.int64)
        sites.append(
            Rows.sorted_by_group(X=X, Z=X[:, :1], y=y.astype(float), weight=ones, offset=0 * ones, group=group)
        )
    return sites, model


def reference(chosen: Sequence[str], size: int) -> dict[str, Tally]:
    """By family and link."""
    tallies: dict[str, Tally] = {}
    with ProcessPoolExecutor() as pool:
        for name, fitted in zip(chosen, pool.map(fit_of, chosen, repeat(size)), strict=True):
            (family,) = (" ".join(key) for key, known in REGISTRY.items() if known is case(name).model.family)
            tallies.setdefault(family, Tally()).fits.append(fitted)
    return tallies


def fit_of(name: str, size: int) -> Fit:
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
                tally.fits.append(honest_fit(*simulated(family, link, skewed=skewed, seed=seed)))
    return tallies


def reference_line(family: str, size: int, tally: Tally) -> tuple[object, ...]:
    defaults = sum(site.default_start for site in tally.sites)
    return (family, size, len(tally.fits), *tally.cells(), defaults, max(fit.rounds for fit in tally.fits))


COLUMNS = ("sites", "floors", "own", "own or pooled", "answers", "estimates")


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
    yield "How the fits end under the policy:"
    ends = {size: sum((tally.endings() for tally in tallies.values()), Counter()) for size, tallies in by_size.items()}
    lines = [(told, *(counted[kind] for counted in ends.values())) for kind, told in ENDINGS.items()]
    yield table(("fits", *(f"{size} rows" for size in by_size)), lines).rstrip()
    yield fill(ENDED, WIDTH, break_on_hyphens=False)
    yield "## Simulated federations"
    yield fill(SIMULATED, WIDTH, break_on_hyphens=False)
    lines = [(name, *tally.cells(), _told(tally)) for name, tally in made.items()]
    yield table(("responses", *COLUMNS, "sites refused by"), lines).rstrip()
    yield "## Over several answers"
    yield from (fill(text, WIDTH, break_on_hyphens=False) for text in (TRIALS, ROSTERS, BUDGETS))


def _told(tally: Tally) -> str:
    return ", ".join(f"`{code}` {count}" for code, count in tally.why().most_common()) or "nothing"


def main() -> None:
    by_size = {size: reference(names(), size) for size in SIZES}
    print("\n\n".join(parts(by_size, simulation())))
