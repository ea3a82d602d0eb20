"""What it costs a site to hold an answer against the leverage of its units, beside computing the answer.

All run alternately in one process, on one thread; the figures are medians of processor time. Usually a bound clears every row,
in a pass over the weights. In `one row` the largest weight is a row's that the bound leaves, and a bound from some of the rows
and one pass over X show that it is above the limit; in `near` they show that it is below. In `ten near` there are ten such,
too many for the pass: X'WX is computed of all rows. In `every row` the first bound leaves all, and the second clears
them; in `steep` all but those at a hyperplane weigh next to nothing, and a direction is weak; in `steeper` most of them weigh
nothing at all. In `far out` a row's columns are large, and it drowns among all sites.
"""

import statistics
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.measured import processor_seconds, table, verdict
from benchmarks.site_round import simulate
from shared.parameters import Matrix, Vector
from site_node.data.counts import Counts
from site_node.data.design import SiteDesign
from site_node.estimation.contribution import exposed_contribution
from site_node.estimation.rows import Index, Rows
from site_node.release.information import information
from site_node.release.leverage import Leverage

ROWS, GROUPS, REPEATS = 100_000, 100, 7
COLUMNS = (20, 50)
SLOPES = (30.0, 1e4)
NEAR = 0.3
"""A leverage below the limit."""
SITES = 10
"""Whose information the pooled one is."""
MOST_PER_CENT = 25.0
"""Of the computing of a round."""


@dataclass(frozen=True)
class Judged:
    """Weights that are judged."""

    judge: Leverage
    weights: Matrix
    pooled: Matrix | None = None

    @property
    def left(self) -> int:
        """Rows that the bound leaves."""
        return len(self.judge.suspects(self.weights[0] / self.weights.max()))

    def seconds(self) -> float:
        return processor_seconds(lambda: self.judge.judged(self.weights, self.pooled))


def cases(rows: Rows, weights: Matrix, parameters: int) -> dict[str, Judged]:
    """Weights as they are, and such of which the bound leaves one row or all."""
    n, X, one = rows.n, rows.X, rows.n // 2
    counts = Counts(n, parameters)
    judge = Leverage.of(SiteDesign(rows, 0, counts))
    far_out = X.copy()
    far_out[one] *= 1e3
    beside = Leverage.of(SiteDesign(replace(rows, X=far_out), 0, counts))
    H = information(X, weights[0])
    ten = np.arange(one, n, n // 20)
    near = NEAR / (1.0 - NEAR) / np.sum(X[ten] * np.linalg.solve(H, X[ten].T).T, axis=1)
    steep, steeper = (np.exp(-slope * np.abs(X[:, 1]))[None] for slope in SLOPES)

    def but(some: Index, changed: Vector) -> Matrix:
        other = weights.copy()
        other[0, some] = changed
        return other

    return {
        "none": Judged(judge, weights),
        "one row": Judged(judge, but(ten[:1], 1e4 * weights.max(axis=1))),
        "near": Judged(judge, but(ten[:1], near[:1])),
        "ten near": Judged(judge, but(ten, near)),
        "every row": Judged(judge, np.exp(-np.linspace(0.0, 200.0, n))[None]),
        "steep": Judged(judge, steep),
        "steeper": Judged(judge, steeper),
        "far out": Judged(beside, weights, SITES * H),
    }


def measure(p: int) -> tuple[float, dict[str, tuple[int, float]]]:
    """Seconds of a round, and for each case the rows that the bound leaves and the seconds that judging takes."""
    rows, model, psi = simulate(ROWS, p, GROUPS, 1)
    _, weights = exposed_contribution(rows, model, psi)
    tried = cases(rows, weights, model.layout.size)
    rounds: list[float] = []
    judged: dict[str, list[float]] = {name: [] for name in tried}
    for _ in range(REPEATS):
        rounds.append(processor_seconds(lambda: exposed_contribution(rows, model, psi)))
        for name, some in tried.items():
            judged[name].append(some.seconds())
    return statistics.median(rounds), {
        name: (tried[name].left, statistics.median(taken)) for name, taken in judged.items()
    }


def main() -> None:
    print(f"## Leverage: {ROWS:,} rows\n")
    lines = []
    for p in COLUMNS:
        whole, judged = measure(p)
        for name, (left, taken) in judged.items():
            share = 100 * taken / whole
            told = verdict(share, at_most=MOST_PER_CENT)
            lines.append((p, name, f"{left:,}", f"{1e3 * whole:.0f}", f"{1e3 * taken:.1f}", f"{share:.1f} %", told))
    print(
        table(("columns", "case", "the bound leaves", "round, ms", "judging, ms", "of the round", "target, %"), lines)
    )
