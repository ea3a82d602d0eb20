"""A site's round for every kind of model beside the least that any exact round must do, and how often it goes over X.

All run on the same cores in one process, alternately; the figures are medians. A pass is one reading of all of X: the
predictor's, the vectors', the cross-product's, and one for each column of the skinny product of weights by group and X.
"""

import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.measured import seconds, table, verdict
from benchmarks.site_round import bound
from shared.parameters import Matrix, ParameterLayout, Term, Vector
from site_node.estimation import node_sums, slab
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Index, Rows
from site_node.estimation.sums import Array, weighted_by_group

ROWS, COLUMNS, REPEATS = 1_000_000, 20, 5


@dataclass(frozen=True)
class Kind:
    """A model, and what its round is held against."""

    name: str
    groups: int = 100_000
    effects: int = 1
    outer: int = 0
    """Outer groups, each with an intercept of its own."""
    points: int = 1
    family: tuple[str, str] = ("binomial", "logit")
    beside: str = ""
    """Another one's name."""
    at_most: float | None = None
    """Times that one's round."""


FEW, MANY = "logit, 100 groups", "logit, 100,000 groups"
KINDS = (
    Kind(FEW, groups=100),
    Kind(MANY),
    Kind("AGQ-11, 100,000 groups", points=11, beside=MANY, at_most=4.0),
    Kind("nested: 100 groups of 1,000 groups", outer=100, beside=MANY, at_most=2.0),
    Kind("nested: one group of 100,000 groups", outer=1, beside=MANY),
    Kind("intercept and two slopes, 100 groups", groups=100, effects=3, beside=FEW),
    Kind("negative binomial, 100 groups", groups=100, family=("negative_binomial", "log"), beside=FEW),
    Kind("gamma, 100 groups", groups=100, family=("gamma", "log"), beside=FEW),
)


def simulate(kind: Kind, n: int = ROWS, p: int = COLUMNS) -> tuple[Rows, Model, Vector]:
    """Responses of a model with effects of sd 0.7 (outer ones 0.4), and the psi that made them."""
    rng = np.random.default_rng(20240601)
    X = rng.normal(size=(n, p))
    X[:, 0] = 1.0
    group = np.sort(rng.integers(0, kind.groups, n))
    outer = group * max(kind.outer, 1) // kind.groups
    beta = 0.2 * rng.normal(size=p)
    eta = X @ beta + np.sum(X[:, : kind.effects] * (0.7 * rng.normal(size=(kind.groups, kind.effects)))[group], axis=1)
    eta += (0.4 * rng.normal(size=max(kind.outer, 1)))[outer] * (kind.outer > 0)
    names, family = tuple(f"x{j}" for j in range(p)), REGISTRY[kind.family]
    terms = (Term(names[:1], group="outer"),) if kind.outer else ()
    layout = ParameterLayout(names, (*terms, Term(names[: kind.effects], group="inner")), family.dispersion)
    rows = Rows.sorted_by_group(
        X=X,
        Z=X[:, : kind.effects],
        y=_responses(kind.family[0], eta, rng),
        weight=np.ones(n),
        offset=np.zeros(n),
        group=group,
        outer=outer if kind.outer else None,
        effects=(*range(int(kind.outer > 0)), *range(kind.effects)),
    )
    Lambda = np.diag([*([0.4] * int(kind.outer > 0)), *([0.7] * kind.effects)])
    return rows, Model(layout, family), layout.pack(beta, Lambda, np.log(2.0) if family.dispersion else 0.0)


def _responses(family: str, eta: Vector, rng: np.random.Generator) -> Vector:
    mu = np.exp(np.clip(eta, -20.0, 20.0))
    match family:
        case "binomial":
            return (rng.random(len(eta)) < mu / (1.0 + mu)).astype(np.float64)
        case "gamma":
            return rng.gamma(2.0, mu / 2.0)
        case _:
            return rng.poisson(rng.gamma(2.0, mu / 2.0)).astype(np.float64)


class Counted(np.ndarray):
    """An X that counts how many of its numbers matrix products read, in whatever pieces."""

    read = 0

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **more: object) -> object:
        Counted.read += sum(one.size for one in inputs if isinstance(one, Counted))
        plain = (np.asarray(one) if isinstance(one, Counted) else one for one in inputs)
        return getattr(ufunc, method)(*plain, **more)


@contextmanager
def _skinny_products_counted() -> Iterator[None]:
    """`weighted_by_group` reads X once for each of its columns of weights."""

    def counted(W: Matrix, X: Matrix, starts: Index) -> Array:
        Counted.read += len(W) * X.size if isinstance(X, Counted) else 0
        return weighted_by_group(W, np.asarray(X), starts)

    with patch.object(slab, "weighted_by_group", counted), patch.object(node_sums, "weighted_by_group", counted):
        yield


def passes(kind: Kind) -> float:
    """Readings of all of X in one round."""
    rows, model, psi = simulate(kind, n=20_000)
    counted = Rows(rows.X.view(Counted), *(getattr(rows, name) for name in list(rows.__dataclass_fields__)[1:]))
    Counted.read = 0
    with _skinny_products_counted():
        contribution(counted, model, psi, kind.points)
    return Counted.read / rows.X.size


def measure(kind: Kind) -> tuple[float, float]:
    """Median seconds of the bound and of the round."""
    rows, model, psi = simulate(kind)
    weight = np.full(len(rows.X), 0.4)
    taken = []
    for _ in range(REPEATS + 1):
        least = seconds(lambda: bound(rows.X, weight))
        with threadpool_limits(limits=1):
            taken.append((least, seconds(lambda: contribution(rows, model, psi, kind.points))))
    least, own = (statistics.median(column) for column in zip(*taken[1:], strict=True))
    return least, own


def main() -> None:
    print(f"## A site's round for every kind of model: {ROWS:,} rows, {COLUMNS} columns\n")
    measured, lines = {kind.name: measure(kind) for kind in KINDS}, []
    for kind in KINDS:
        least, own = measured[kind.name]
        ratio = own / measured[kind.beside][1] if kind.beside else None
        told = "" if kind.at_most is None or ratio is None else verdict(ratio, at_most=kind.at_most)
        beside = "" if ratio is None else f"{ratio:.1f} x {kind.beside}"
        lines.append(
            (
                kind.name,
                f"{passes(kind):.0f}",
                f"{1e3 * least:.0f}",
                f"{1e3 * own:.0f}",
                f"{own / least:.1f}",
                beside,
                told,
            )
        )
    columns = ("model", "passes over X", "bound, ms", "round, ms", "round / bound", "beside", "target")
    print(table(columns, lines))
    print(f"One cross-product a round in each of them. Rows over {os.cpu_count()} threads, BLAS on one in each.\n")
