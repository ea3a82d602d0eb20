"""The reference cases: the design that lme4 made of a data set, and what glmmTMB, lme4 and glm make of it."""

import csv
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from shared.contribution import total
from shared.optimisation.start import add_starts
from shared.optimisation.step import State, begin, step
from shared.parameters import Matrix, ParameterLayout, Vector
from site_node.estimation.families import REGISTRY
from site_node.estimation.laplace import contribution
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import start_contribution

HERE = Path(__file__).parent
OURS = {"nbinom2": "negative_binomial", "Gamma": "gamma"}
"""Families that R names otherwise. Their cases are not among `names`: test_dispersions.py has them, without a start."""


@dataclass(frozen=True)
class Case:
    """One model on one data set, with one random-effects term."""

    name: str
    model: Model
    X: Matrix
    Z: Matrix
    y: Vector
    weight: Vector
    offset: Vector
    group: np.ndarray
    fits: dict[str, Any]

    @property
    def groups(self) -> int:
        return len(np.unique(self.group))

    def sites(self, count: int) -> list[Rows]:
        """The groups dealt over so many sites."""
        labels = np.unique(self.group)
        return [self.rows(np.isin(self.group, labels[k::count])) for k in range(min(count, len(labels)))]

    def rows(self, chosen: np.ndarray) -> Rows:
        return Rows.sorted_by_group(
            X=self.X[chosen],
            Z=self.Z[chosen],
            y=self.y[chosen],
            weight=self.weight[chosen],
            offset=self.offset[chosen],
            group=self.group[chosen],
        )

    def with_known_sd(self, sd: float) -> Model:
        layout = self.model.layout
        return Model(
            ParameterLayout(layout.fixed, layout.random, known_sd=sd, dispersion=layout.dispersion), self.model.family
        )

    def without_random_effects(self) -> "Case":
        layout = self.model.layout
        model = Model(ParameterLayout(layout.fixed, dispersion=layout.dispersion), self.model.family)
        return Case(
            self.name, model, self.X, self.Z[:, :0], self.y, self.weight, self.offset, 0 * self.group, self.fits
        )


def fit(sites: list[Rows], model: Model, tolerance: float = 1e-16, max_rounds: int = 50) -> State:
    """The whole estimation, as coordinator and sites do it, without the wire."""
    start = add_starts([start_contribution(rows, model) for rows in sites])
    state = begin(model.layout, start, tolerance=tolerance, max_rounds=max_rounds)
    while state.ending is None:
        psi = state.psi
        state = step(state, total([contribution(rows.in_basis(state.basis), model, psi) for rows in sites]))
    return state


@cache
def case(name: str) -> Case:
    values = json.loads((HERE / "values" / f"{name}.json").read_text())
    with (HERE / "design" / f"{name}.csv").open() as file:
        header = next(csv.reader(file))
        table = np.loadtxt(file, delimiter=",", ndmin=2)
    X = np.ascontiguousarray(table[:, [k for k, column in enumerate(header) if column.startswith("X_")]])
    fixed = tuple(column[2:] for column in header if column.startswith("X_"))
    (group,) = (k for k, column in enumerate(header) if column.startswith("idx_"))
    bars = re.findall(r"\(([^()|]*)\|[^()]*\)", values["formula"])
    terms = (term.strip() for bar in bars for term in bar.split("+"))
    random = tuple("(Intercept)" if term == "1" else term for term in terms if term != "0")
    Z = np.column_stack(
        [np.ones(len(X)) if column == "(Intercept)" else X[:, fixed.index(column)] for column in random]
    )
    size = table[:, 1] if values["family"] == "binomial" else np.ones(len(X))
    family = REGISTRY[OURS.get(values["family"], values["family"]), values["link"]]
    layout = ParameterLayout(fixed, random, correlated=len(bars) == 1, dispersion=family.dispersion)
    numbers = {"y": table[:, 0] / size, "weight": size, "offset": table[:, 2]}
    return Case(
        name, Model(layout, family), X, Z, **numbers, group=table[:, group].astype(np.int64), fits=values["fits"]
    )


@cache
def names() -> tuple[str, ...]:
    """Every case with one random-effects term in a family that has a start."""
    found = []
    for file in sorted((HERE / "design").glob("*.csv")):
        values = json.loads((HERE / "values" / f"{file.stem}.json").read_text())
        header = file.read_text().split("\n", 1)[0]
        if (values["family"], values["link"]) in REGISTRY and header.count("idx_") == 1:
            found.append(file.stem)
    return tuple(found)
