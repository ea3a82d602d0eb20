"""A whole fit through HTTP on loopback beside the engines that see all rows in one place.

Ten sites, each a process of its own as ten hospitals would run them, a coordinator in another, all on this machine's cores.
Counted from the request to the result: reading the sites' files, the start, every round, the end. The engines' time is that
of their fitting call alone; their rows are in memory before it.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from benchmarks.engines.pooled import GPBOOST, LME4_ENGINES, Pooled, fits, write_pooled
from benchmarks.loopback import loopback
from benchmarks.machine import numpy_blas
from benchmarks.measured import table, verdict
from benchmarks.simulated import Simulated, simulate, write_sites

ROWS, COLUMNS, GROUPS, SITES = 1_000_000, 20, 100, 10
REPEATS = 3
Fit: TypeAlias = tuple[float, dict[str, Any]]
"""Seconds, and the result."""
TARGETS = {LME4_ENGINES["glmer"]: 60.0, GPBOOST: 4.0}


def main(*, rows: int = ROWS) -> None:
    data = simulate(rows, COLUMNS, GROUPS)
    with TemporaryDirectory(prefix="fedglmm-bench-", dir="/var/tmp") as folder:
        place = Path(folder)
        openly, masked = (_federated(place / name, data, masked=name == "masked") for name in ("open", "masked"))
        write_pooled(place / "pooled.bin", data)
        engines = fits(place / "pooled.bin", data)
    _print(rows, openly, masked, engines)


def _federated(place: Path, data: Simulated, *, masked: bool) -> Fit:
    """The median of a few fits, each read from the files again."""
    with loopback(place, write_sites(place / "sites", data, SITES, masked=masked)) as running:
        fits = [running.fit({"formula": data.formula, "family": "binomial"}) for _ in range(REPEATS)]
    return sorted(fits, key=lambda fit: fit[0])[REPEATS // 2]


def _print(n: int, openly: Fit, masked: Fit, engines: list[Pooled]) -> None:
    print(f"## Whole fit: {n:,} rows, {COLUMNS} columns, {GROUPS} groups, {SITES} sites in processes of their own\n")
    taken, ours = openly[0], openly[1]["glance"]["logLik"]
    lines = []
    for name, (seconds, result) in (("fedglmm", openly), ("fedglmm under masks", masked)):
        value, rounds = result["glance"]["logLik"], result["convergence"]["rounds"]
        beside = (f"{value:.6f}", "" if name == "fedglmm" else f"{value - ours:+.1e}")
        what = f"{rounds} rounds; median of {REPEATS} fits"
        lines.append((name, f"{seconds:.2f}", f"{seconds / taken:.1f}", "", *beside, what))
    for engine in engines:
        if engine.seconds is None or engine.log_likelihood is None:
            lines.append((engine.engine, "", "", "", "", "", engine.what))
            continue
        ratio = engine.seconds / taken
        target = TARGETS.get(engine.engine)
        lines.append(
            (
                engine.engine,
                f"{engine.seconds:.2f}",
                f"{ratio:.1f}",
                "" if target is None else verdict(ratio, at_least=target),
                f"{engine.log_likelihood:.6f}",
                f"{engine.log_likelihood - ours:+.1e}",
                engine.what,
            )
        )
    columns = ("engine", "seconds", "times as long", "target", "log-likelihood", "minus ours", "what it is")
    print(table(columns, lines))
    print(
        f"A site's process: BLAS on one thread, rows over {os.cpu_count()} threads. NumPy's BLAS: {numpy_blas()}.\n",
        flush=True,
    )
