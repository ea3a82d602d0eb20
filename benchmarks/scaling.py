"""A round's time as the rows grow, and as the same rows fall into more groups: linear in both, up to a fixed cost.

The exponent is the slope of log seconds over log size, from the size on at which the fixed cost no longer counts.
"""

import statistics

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.measured import seconds, table
from benchmarks.site_round import simulate
from site_node.estimation.contribution import contribution

COLUMNS = 20
ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
ROWS_PER_GROUP = 1_000
GROUPS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
ROWS_OF_GROUPS = 1_000_000
REPEATS = 3


def round_seconds(n: int, groups: int) -> float:
    """The median of a few rounds, after one that warms up."""
    rows, model, psi = simulate(n, COLUMNS, groups, 1)
    with threadpool_limits(limits=1):
        taken = [seconds(lambda: contribution(rows, model, psi)) for _ in range(REPEATS + 1)]
    return statistics.median(taken[1:])


def exponent(sizes: tuple[int, ...], taken: list[float]) -> float:
    """The slope of the line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(taken), 1)[0])


def main() -> None:
    print(f"## Scaling: a round of a site, {COLUMNS} columns, one random effect\n")
    by_rows = [round_seconds(n, n // ROWS_PER_GROUP) for n in ROWS]
    lines = [(f"{n:,}", f"{1e3 * t:.1f}", f"{1e9 * t / n:.0f}") for n, t in zip(ROWS, by_rows, strict=True)]
    print(table(("rows, 1,000 a group", "round, ms", "ns a row"), lines))
    print(f"Seconds grow as rows to the power {exponent(ROWS[1:], by_rows[1:]):.2f}, from {ROWS[1]:,} rows on.\n")
    by_groups = [round_seconds(ROWS_OF_GROUPS, groups) for groups in GROUPS]
    lines = [
        (f"{groups:,}", f"{1e3 * t:.0f}", f"{1e9 * t / ROWS_OF_GROUPS:.0f}")
        for groups, t in zip(GROUPS, by_groups, strict=True)
    ]
    print(table((f"groups, {ROWS_OF_GROUPS:,} rows", "round, ms", "ns a row"), lines))
    many = np.polyfit(GROUPS, by_groups, 1)
    print(
        f"Over all of them a group costs {1e9 * many[0]:.0f} ns beside the rows' {1e9 * many[1] / ROWS_OF_GROUPS:.0f}.\n"
    )
