"""A site's round beside the least that any exact round must do: X beta and one row-weighted cross-product of X by BLAS.

All run on the same cores in one process, alternately; the figures are medians. The bound is taken in two ways: with BLAS on
all its threads, and with BLAS on one thread in each of as many pieces as there are cores, as the round itself works. Blocks are
small for BLAS's own threads: on some runs they cost it more than they gain, and the second way is the harder bound.
"""

import os
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.measured import seconds, table, verdict
from shared.parameters import Matrix, ParameterLayout, Vector
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows

SHAPES = {
    (20, 100, 1): 2.5,
    (50, 100, 1): 1.5,
    (20, 10_000, 1): 3.0,
    (50, 10_000, 1): 2.2,
    (20, 100, 2): None,
    (20, 1, 1): None,
}
"""Columns, groups, random effects; the ratio to reach."""
MOST_FOR_SLOPES = 1.5
"""Rounds with an intercept that one with an intercept and a slope may take."""
ROWS = 1_000_000
REPEATS = 5
BLOCK = 8_192


def simulate(n: int, p: int, groups: int, q: int) -> tuple[Rows, Model, Vector]:
    """A logistic model with random effects of sd 0.7, and the psi that made it."""
    rng = np.random.default_rng(20240601)
    X = rng.normal(size=(n, p))
    X[:, 0] = 1.0
    group = np.sort(rng.integers(0, groups, n))
    beta = 0.3 * rng.normal(size=p)
    eta = X @ beta + np.sum(X[:, :q] * (0.7 * rng.normal(size=(groups, q)))[group], axis=1)
    y = (rng.random(n) < 1.0 / (1.0 + np.exp(-eta))).astype(np.float64)
    rows = Rows.sorted_by_group(X=X, Z=X[:, :q], y=y, weight=np.ones(n), offset=np.zeros(n), group=group)
    names = tuple(f"x{j}" for j in range(p))
    layout = ParameterLayout.of_one_term(names, names[:q])
    return rows, Model(layout, REGISTRY["binomial", "logit"]), layout.pack(beta, 0.7 * np.eye(q))


def bound(X: Matrix, weight: Vector) -> Matrix:
    """X beta and X' diag(weight) X, in blocks."""
    product, _ = np.zeros((X.shape[1], X.shape[1])), X @ np.ones(X.shape[1])
    for first in range(0, len(X), BLOCK):
        scaled = X[first : first + BLOCK] * weight[first : first + BLOCK, None]
        product += scaled.T @ scaled
    return product


def bound_in_pieces(X: Matrix, weight: Vector, pool: ThreadPoolExecutor) -> Matrix:
    """The same, of a piece of rows in each thread."""
    cores = os.cpu_count() or 1
    cuts = [len(X) * k // cores for k in range(cores + 1)]
    products = pool.map(lambda a, b: bound(X[a:b], weight[a:b]), cuts[:-1], cuts[1:])
    return sum(products, np.zeros((X.shape[1], X.shape[1])))


@dataclass(frozen=True)
class Medians:
    """Seconds."""

    bound: float
    bound_in_pieces: float
    round: float


def measure(p: int, groups: int, q: int) -> Medians:
    rows, model, psi = simulate(ROWS, p, groups, q)
    weight = np.full(ROWS, 0.4)
    taken: list[tuple[float, float, float]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in range(REPEATS + 1):
            least = seconds(lambda: bound(rows.X, weight))
            with threadpool_limits(limits=1):
                in_pieces = seconds(lambda: bound_in_pieces(rows.X, weight, pool))
                taken.append((least, in_pieces, seconds(lambda: contribution(rows, model, psi))))
    return Medians(*(statistics.median(column) for column in zip(*taken[1:], strict=True)))


def main() -> None:
    print(f"## A site's round: {ROWS:,} rows\n")
    measured = {shape: measure(*shape) for shape in SHAPES}
    lines = []
    for (p, groups, q), m in measured.items():
        target, ratio = SHAPES[p, groups, q], m.round / m.bound
        told = "" if target is None else verdict(ratio, at_most=target)
        times = [f"{1e3 * one:.0f}" for one in (m.bound, m.bound_in_pieces, m.round)]
        lines.append((p, f"{groups:,}", q, *times, f"{ratio:.1f}", told, f"{m.round / m.bound_in_pieces:.1f}"))
    columns = ("columns", "groups", "random effects", "bound, ms", "bound in pieces, ms", "round, ms")
    print(table((*columns, "round / bound", "target", "round / bound in pieces"), lines))
    slopes = measured[20, 100, 2].round / measured[20, 100, 1].round
    print(f"A slope beside the intercept: {slopes:.2f} times the round ({verdict(slopes, at_most=MOST_FOR_SLOPES)}).\n")
