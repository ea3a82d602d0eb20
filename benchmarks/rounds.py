"""How many rounds the reference fits take, by every method: docs/rounds.md is what this prints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from textwrap import fill
from typing import Literal

from benchmarks.measured import table
from site_node.estimation.families import REGISTRY
from tests.reference.cases import SITES, Case, case, dealt_fit, names

WIDTH = 130
"""Characters of a line."""
Method = Literal["Laplace", "REML", "AGQ-25", "auto"]
POINTS: dict[Method, int | Literal["auto"]] = {"AGQ-25": 25, "auto": "auto"}
"""Of quadrature; one in the others."""
MEDIAN, MOST = 6, 12
"""Targets."""
TITLE = "# Rounds to the optimum"
INTRODUCTION = (
    "How many rounds each reference fit takes when its groups are dealt over five sites (fewer where there are fewer "
    "groups) and stay groups inside them, as a column of the sites' files would have it: `(1 | trial)`, not "
    "`(1 | site)`. Of two grouping factors the outer groups are dealt. The sums are the same either way, and so are the "
    "rounds. One question to every site at once is a round, the start message and the evaluation at the final "
    "parameters included. The tolerance is the default, a Newton decrement of 1e-16. Data, models and their sources are "
    "in [tests/reference](../tests/reference/README.md), a file a case in [design](../tests/reference/design) and "
    "[values](../tests/reference/values); the table is printed by `python -m benchmarks rounds`."
)
METHODS = (
    "Every case is fitted by Laplace, which is maximum likelihood for a Gaussian model, every Gaussian one by REML too, and "
    "every other one with a single random effect a group with 25 nodes of quadrature (`AGQ-25`) and with `auto`. `auto` is "
    "an optimum for each number of nodes that it tries ([model.md](model.md#quadrature)), so the targets are not about it; "
    "`nodes` says which it tried."
)


@dataclass(frozen=True)
class Fit:
    """One row of the table."""

    name: str
    method: Method
    family: str
    groups: str
    sites: int
    rounds: int
    nodes: tuple[int, ...]
    """Of quadrature, one after the other."""
    outcome: str

    @property
    def has_target(self) -> bool:
        return self.method != "auto"

    @property
    def has_estimates(self) -> bool:
        return self.outcome in {"converged", "boundary"}


def methods(one: Case) -> tuple[Method, ...]:
    if one.model.family is REGISTRY["gaussian", "identity"]:
        return "Laplace", "REML"
    return ("Laplace", "AGQ-25", "auto") if one.model.layout.q == 1 else ("Laplace",)


def measure(name: str, method: Method) -> Fit:
    one = case(name)
    state = dealt_fit(name, restricted=method == "REML", points=POINTS.get(method, 1))
    (family,) = (" ".join(key) for key, known in REGISTRY.items() if known is one.model.family)
    groups = f"{one.outer_groups} / {one.groups}" if one.nested else str(one.groups)
    nodes = tuple(rung.points for rung in state.raising.path) if state.raising else (state.points,)
    outcome = "none" if state.ending is None else state.ending.value
    sites = min(SITES, one.outer_groups)
    return Fit(name, method, family, groups, sites, state.round + 1, nodes, outcome)


def measure_case(name: str) -> Iterator[Fit]:
    for method in methods(case(name)):
        yield measure(name, method)


def measure_all() -> Iterator[Fit]:
    for name in names():
        yield from measure_case(name)


def document(fits: Sequence[Fit]) -> str:
    """The page, in Markdown."""
    columns = ("case", "method", "groups", "sites", "rounds", "nodes", "family and link", "outcome")
    rows = [
        (f.name, f.method, f.groups, f.sites, f.rounds, ", ".join(map(str, f.nodes)), f.family, f.outcome) for f in fits
    ]
    parts = [TITLE, *(fill(text, WIDTH, break_on_hyphens=False) for text in (INTRODUCTION, METHODS))]
    return "\n\n".join([*parts, table(columns, rows) + "\n" + summary(fits)])


def summary(fits: Sequence[Fit]) -> str:
    """The targets, and what `auto` takes beside them."""
    counted, auto = [f for f in fits if f.has_target], [f for f in fits if f.method == "auto"]
    rounds = [f.rounds for f in counted]
    text = f"Median {median(rounds):g}, maximum {max(rounds)} over {len(rounds)} fits (targets: {MEDIAN} and {MOST})."
    if not auto:
        return text
    taken, tried = ([f.rounds for f in auto], [len(f.nodes) for f in auto])
    return fill(
        f"{text} With `auto` a median of {median(taken):g} rounds, at most {max(taken)}, for a median of {median(tried):g} "
        f"and at most {max(tried)} numbers of nodes.",
        WIDTH,
        break_on_hyphens=False,
    )


def main() -> None:
    print(document(tuple(measure_all())))
