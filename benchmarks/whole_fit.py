"""A whole fit through HTTP on loopback beside the engines that see all rows in one place.

Ten sites, each a process of its own as ten hospitals would run them, a coordinator in another, all on this machine's cores.
Counted from the request to the result: reading the sites' files, the start, every round, the end. The engines' time is that
of their fitting call alone; their rows are in memory before it.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.engines.pooled import GPBOOST, LME4_ENGINES, Pooled, fits, write_pooled
from benchmarks.loopback import Loopback, loopback
from benchmarks.machine import numpy_blas
from benchmarks.measured import table, verdict
from benchmarks.simulated import simulate, write_sites

ROWS, COLUMNS, GROUPS, SITES = 1_000_000, 20, 100, 10
REPEATS = 3
TARGETS = {LME4_ENGINES["glmer"]: 60.0, GPBOOST: 4.0}


def main(*, rows: int = ROWS) -> None:
    data = simulate(rows, COLUMNS, GROUPS)
    with TemporaryDirectory(prefix="fedglmm-bench-", dir="/var/tmp") as folder:
        place = Path(folder)
        folders = write_sites(place / "sites", data, SITES)
        with loopback(place, folders) as running:
            taken, result = _median(running, {"formula": data.formula, "family": "binomial"})
        write_pooled(place / "pooled.bin", data)
        engines = fits(place / "pooled.bin", data)
    _print(rows, taken, result, engines)


def _median(running: Loopback, request: dict[str, str]) -> tuple[float, dict[str, object]]:
    """The median of a few fits, each read from the files again."""
    measured = sorted((running.fit(request) for _ in range(REPEATS)), key=lambda pair: pair[0])
    return measured[len(measured) // 2]


def _print(n: int, taken: float, result: dict, engines: list[Pooled]) -> None:
    print(f"## Whole fit: {n:,} rows, {COLUMNS} columns, {GROUPS} groups, {SITES} sites in processes of their own\n")
    ours = result["glance"]["logLik"]
    rounds = result["convergence"]["rounds"]
    lines = [("fedglmm", f"{taken:.2f}", "1", "", f"{ours:.6f}", "", f"{rounds} rounds; median of {REPEATS} fits")]
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
