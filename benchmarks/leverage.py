"""What it costs a site to hold an answer against the leverage of its units, beside computing the answer.

Both run alternately in one process, on one thread; the figures are medians of processor time. Usually a bound clears every row,
in a pass over the weights. In `one row` the largest weight is a row's that the bound leaves, so that H is computed and one
leverage. In `every row` the bound leaves all, and the spectrum of H clears them; in `steep` all but those at a hyperplane weigh
next to nothing, and a direction is weak; in `steeper` most of them weigh nothing at all.
"""

import statistics

import numpy as np

from benchmarks.measured import processor_seconds, table, verdict
from benchmarks.site_round import simulate
from shared.parameters import Matrix
from site_node.data.counts import Counts
from site_node.data.design import SiteDesign
from site_node.estimation.contribution import exposed_contribution
from site_node.release.leverage import Leverage

ROWS, GROUPS, REPEATS = 100_000, 100, 7
COLUMNS = (20, 50)
SLOPES = (30.0, 1e4)
MOST_PER_CENT = 25.0
"""Of the computing of a round at 20 columns."""


def cases(weights: Matrix, X: Matrix) -> dict[str, Matrix]:
    """Weights as they are, and such of which the bound leaves one row or all."""
    n = weights.shape[1]
    heavy = np.where(np.arange(n) == n // 2, 1e4 * weights.max(), weights)
    falling = np.exp(-np.linspace(0.0, 200.0, n))[None]
    steep, steeper = (np.exp(-slope * np.abs(X[:, 1]))[None] for slope in SLOPES)
    return {"none": weights, "one row": heavy, "every row": falling, "steep": steep, "steeper": steeper}


def measure(p: int) -> tuple[float, dict[str, tuple[int, float]]]:
    """Seconds of a round, and for each case the rows that the bound leaves and the seconds that judging takes."""
    rows, model, psi = simulate(ROWS, p, GROUPS, 1)
    judge = Leverage.of(SiteDesign(rows, 0, Counts(ROWS, model.layout.size)))
    _, weights = exposed_contribution(rows, model, psi)
    tried = cases(weights, rows.X)
    rounds, judged = [], {name: [] for name in tried}
    for _ in range(REPEATS):
        rounds.append(processor_seconds(lambda: exposed_contribution(rows, model, psi)))
        for name, some in tried.items():
            judged[name].append(processor_seconds(lambda some=some: judge.judged(some)))
    left = {name: len(judge.suspects(some[0] / some.max())) for name, some in tried.items()}
    return statistics.median(rounds), {name: (left[name], statistics.median(taken)) for name, taken in judged.items()}


def main() -> None:
    print(f"## Leverage: {ROWS:,} rows\n")
    lines = []
    for p in COLUMNS:
        whole, judged = measure(p)
        for name, (left, taken) in judged.items():
            share = 100 * taken / whole
            told = verdict(share, at_most=MOST_PER_CENT) if p == COLUMNS[0] else ""
            lines.append((p, name, f"{left:,}", f"{1e3 * whole:.0f}", f"{1e3 * taken:.1f}", f"{share:.1f} %", told))
    print(
        table(("columns", "the bound leaves", "rows", "round, ms", "judging, ms", "of the round", "target, %"), lines)
    )
