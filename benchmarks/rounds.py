"""How many rounds the reference fits take: docs/rounds.md is what this prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from textwrap import fill

from benchmarks.measured import table
from site_node.estimation.families import REGISTRY
from tests.reference.cases import case, fit, names

SITES = 5
WIDTH = 130
"""Characters of a line."""
TITLE = "# Rounds to the optimum"
INTRODUCTION = (
    "How many rounds each reference fit takes when its groups are dealt over five sites (fewer where there are fewer "
    "groups) and stay groups inside them, as a column of the sites' files would have it: `(1 | trial)`, not "
    "`(1 | site)`. The sums are the same either way, and so are the rounds. One question to every site at once is a "
    "round, the start message and the evaluation at the final parameters included. The tolerance is the default, a "
    "Newton decrement of 1e-16. Data, models and their sources are in "
    "[tests/reference](../tests/reference/README.md), a file a case in [design](../tests/reference/design) and "
    "[values](../tests/reference/values); the table is printed by `python -m benchmarks rounds`."
)


@dataclass(frozen=True)
class Fit:
    """One row of the table."""

    name: str
    family: str
    groups: int
    sites: int
    rounds: int
    outcome: str


def measure(name: str) -> Fit:
    one = case(name)
    sites = one.sites(SITES)
    state = fit(sites, one.model)
    (family,) = (" ".join(key) for key, known in REGISTRY.items() if known is one.model.family)
    outcome = "none" if state.ending is None else state.ending.value
    return Fit(name, family, one.groups, len(sites), state.round + 1, outcome)


def document(fits: Sequence[Fit]) -> str:
    """The page, in Markdown."""
    columns = ("case", "groups", "sites", "rounds", "family and link", "outcome")
    rows = [(f.name, f.groups, f.sites, f.rounds, f.family, f.outcome) for f in fits]
    rounds = [f.rounds for f in fits]
    summary = f"Median {median(rounds):g}, maximum {max(rounds)} (targets: 6 and 12)."
    introduction = fill(INTRODUCTION, WIDTH, break_on_hyphens=False)
    return "\n".join([TITLE, "", introduction, "", table(columns, rows), summary])


def main() -> None:
    print(document([measure(name) for name in names()]))
