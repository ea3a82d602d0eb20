"""A site's round beside the least that any exact round must do: X beta and one row-weighted cross-product of X by BLAS.

Both run on the same cores in one process, alternately; the figures are medians. The bound lets BLAS use all cores; the round
gives each core its own pieces of rows, with BLAS on one thread in each.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from shared.parameters import ParameterLayout
from site_node.estimation.families import REGISTRY
from site_node.estimation.laplace import contribution
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows

SHAPES = [(20, 100, 1), (50, 100, 1), (20, 10_000, 1), (50, 10_000, 1), (20, 100, 2)]
"""Columns, groups, random effects."""
ROWS = 1_000_000
REPEATS = 5
BLOCK = 8_192


def simulate(n: int, p: int, groups: int, q: int) -> tuple[Rows, Model, np.ndarray]:
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
    layout = ParameterLayout(names, names[:q])
    return rows, Model(layout, REGISTRY["binomial", "logit"]), layout.pack(beta, 0.7 * np.eye(q))


def bound(X: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """X beta and X' diag(weight) X, in blocks."""
    product, _ = np.zeros((X.shape[1], X.shape[1])), X @ np.ones(X.shape[1])
    for first in range(0, len(X), BLOCK):
        scaled = X[first : first + BLOCK] * weight[first : first + BLOCK, None]
        product += scaled.T @ scaled
    return product


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(p: int, groups: int, q: int) -> tuple[float, float]:
    """Median seconds of the bound and of the round."""
    rows, model, psi = simulate(ROWS, p, groups, q)
    weight = np.full(ROWS, 0.4)
    bounds, rounds = [], []
    for _ in range(REPEATS + 1):
        bounds.append(seconds(lambda: bound(rows.X, weight)))
        with threadpool_limits(limits=1):
            rounds.append(seconds(lambda: contribution(rows, model, psi)))
    return statistics.median(bounds[1:]), statistics.median(rounds[1:])


def main() -> None:
    print(f"Site round, {ROWS:,} rows\n")
    print("| columns | groups | random effects | bound, ms | round, ms | ratio |\n|-|-|-|-|-|-|")
    for p, groups, q in SHAPES:
        least, taken = measure(p, groups, q)
        print(f"| {p} | {groups:,} | {q} | {1e3 * least:.0f} | {1e3 * taken:.0f} | {taken / least:.1f} |", flush=True)


if __name__ == "__main__":
    main()
