"""The reference cases: the design that lme4 made of a data set, and what glmmTMB, lme4 and glm make of it."""

import csv
import json
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shared.contribution import total
from shared.optimisation.start import add_starts
from shared.optimisation.state import State
from shared.optimisation.step import begin, step
from shared.parameters import Matrix, ParameterLayout, Term, Vector
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import start_contribution

HERE = Path(__file__).parent
FAMILIES = {"Gamma": "gamma", "nbinom2": "negative_binomial", "inverse.gaussian": "inverse_gaussian"}
"""Our names of R's families, where they differ."""
CROSSED = {"verbagg_crossed"}
SITES = 5
"""That the groups are dealt over, unless something else is said."""


@dataclass(frozen=True)
class Case:
    """One model on one data set."""

    name: str
    model: Model
    X: Matrix
    Z: Matrix
    effects: tuple[int, ...]
    y: Vector
    weight: Vector
    offset: Vector
    group: np.ndarray
    outer: np.ndarray
    """The same as `group` with one grouping factor."""
    bars: tuple[tuple[str, tuple[str, ...]], ...]
    """Group and columns of each random term, as the reference's formula has them."""
    fits: dict[str, Any]
    data: str
    """The file that the rows are from."""

    @property
    def groups(self) -> int:
        return len(np.unique(self.group))

    @property
    def outer_groups(self) -> int:
        return len(np.unique(self.outer))

    @property
    def nested(self) -> bool:
        return self.model.layout.q_outer > 0

    def sites(self, count: int) -> list[Rows]:
        """The outer groups dealt over so many sites."""
        labels = np.unique(self.outer)
        return [self.rows(np.isin(self.outer, labels[k::count])) for k in range(min(count, len(labels)))]

    def rows(self, chosen: np.ndarray) -> Rows:
        return Rows.sorted_by_group(
            X=self.X[chosen],
            Z=self.Z[chosen],
            y=self.y[chosen],
            weight=self.weight[chosen],
            offset=self.offset[chosen],
            group=self.group[chosen],
            outer=self.outer[chosen] if self.nested else None,
            effects=self.effects,
        )

    def with_known_sd(self, sd: float) -> Model:
        layout = self.model.layout
        known = ParameterLayout.of_one_term(layout.fixed, layout.random, known_sd=sd, dispersion=layout.dispersion)
        return Model(known, self.model.family)

    def restricted(self) -> Model:
        return Model(replace(self.model.layout, restricted=True), self.model.family)

    def without_random_effects(self) -> "Case":
        layout = self.model.layout
        model = Model(ParameterLayout(layout.fixed, dispersion=layout.dispersion), self.model.family)
        nothing = 0 * self.group
        return replace(self, model=model, Z=self.Z[:, :0], effects=(), group=nothing, outer=nothing)


def fit(
    sites: list[Rows],
    model: Model,
    tolerance: float = 1e-16,
    max_rounds: int = 50,
    points: int | Literal["auto"] = 1,
) -> State:
    """The whole estimation, as coordinator and sites do it, without the wire."""
    start = add_starts([start_contribution(rows, model) for rows in sites])
    state = begin(model.layout, start, tolerance=tolerance, max_rounds=max_rounds, points=points)
    while state.ending is None:
        psi, nodes = state.psi, state.points
        parts = [contribution(rows.in_basis(state.basis), model, psi, nodes) for rows in sites]
        state = step(state, total(parts))
    return state


@cache
def case(name: str) -> Case:
    values = json.loads((HERE / "values" / f"{name}.json").read_text())
    with (HERE / "design" / f"{name}.csv").open() as file:
        header = next(csv.reader(file))
        table = np.loadtxt(file, delimiter=",", ndmin=2)
    X = np.ascontiguousarray(table[:, [k for k, column in enumerate(header) if column.startswith("X_")]])
    fixed = tuple(column[2:] for column in header if column.startswith("X_"))
    family = REGISTRY[_key(values)]
    layout = ParameterLayout(fixed, _terms(values), family.dispersion)
    Z = np.column_stack([_column(name, X, fixed) for name in layout.columns])
    outer, group = (table[:, header.index(f"idx_{one}")].astype(np.int64) for one in _outer_and_inner(layout))
    size = table[:, 1] if values["family"] == "binomial" else np.ones(len(X))
    return Case(
        name,
        Model(layout, family),
        X,
        Z,
        tuple(layout.columns.index(column) for column in layout.random),
        table[:, 0] / size,
        size,
        table[:, 2],
        group,
        outer,
        tuple(_bars(values)),
        values["fits"],
        values["dataset"],
    )


def _key(values: dict[str, Any]) -> tuple[str, str]:
    return FAMILIES.get(values["family"], values["family"]), values["link"]


def _bars(values: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Group and columns of each bar, as the formula has them."""
    found = []
    for left, group in re.findall(r"\(([^()|]*)\|([^()|]*)\)", values["formula"]):
        terms = [term.strip() for term in left.split("+")]
        found.append((group.strip(), tuple("(Intercept)" if term == "1" else term for term in terms if term != "0")))
    return found


def _terms(values: dict[str, Any]) -> tuple[Term, ...]:
    """The groups that are fewest first; effects that stand alone are one uncorrelated term."""
    bars = _bars(values)
    terms = []
    for group in sorted({group for group, _ in bars}, key=values["groups"].__getitem__):
        own = [columns for of, columns in bars if of == group]
        alone = tuple(columns[0] for columns in own if len(columns) == 1)
        terms += [Term(alone, correlated=len(alone) == 1, group=group)] if alone else []
        terms += [Term(columns, group=group) for columns in own if len(columns) > 1]
    return tuple(terms)


def _outer_and_inner(layout: ParameterLayout) -> tuple[str, str]:
    return layout.terms[0].group, layout.terms[-1].group


def _column(name: str, X: Matrix, fixed: tuple[str, ...]) -> Vector:
    return np.ones(len(X)) if name == "(Intercept)" else X[:, fixed.index(name)]


@cache
def dealt_fit(name: str, *, restricted: bool = False, points: int | Literal["auto"] = 1) -> State:
    """A case's fit over the five sites: once for all that ask for it."""
    one = case(name)
    return fit(one.sites(SITES), one.restricted() if restricted else one.model, points=points)


@cache
def names() -> tuple[str, ...]:
    """Every case whose family is built, but for crossed effects."""
    found = []
    for file in sorted((HERE / "design").glob("*.csv")):
        values = json.loads((HERE / "values" / f"{file.stem}.json").read_text())
        if _key(values) in REGISTRY and file.stem not in CROSSED:
            found.append(file.stem)
    return tuple(found)
