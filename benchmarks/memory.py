"""How much a site's process grows over the idle node while it takes part in a fit, in units of the design as float64.

The benchmark is the coordinator here: it asks one site the questions of a fit, one by one, and reads the peak of the
site's resident memory after each.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.loopback import BIN
from benchmarks.measured import forget_peak, peak_megabytes, resident_megabytes, table, verdict
from benchmarks.simulated import Simulated, simulate, write_sites
from coordinator.client.federation import serving
from coordinator.request import resolve
from coordinator.site_answers import Answering
from coordinator.site_client import SiteClient
from coordinator.site_connection import SiteConnection
from shared.messages import CloseRequest, EvaluateRequest, StartRequest
from shared.request import AnalysisRequest
from shared.specification import Specification

ROWS, COLUMNS, GROUPS, ROUNDS = 1_000_000, 20, 100, 3
ANALYSIS = "memory"
TARGET = 1.5

Phases = list[tuple[str, float, float]]
"""Name, peak over the idle node and what stays, in MB."""


async def phases(site: SiteClient, pid: int, specification: Specification) -> Phases:
    """The questions of a fit, one by one."""
    layout, sha256 = specification.layout, specification.sha256
    idle = resident_megabytes(pid)
    measured: Phases = []

    async def phase(name: str, question: Callable[[], Awaitable[object]]) -> None:
        forget_peak(pid)
        await question()
        measured.append((name, peak_megabytes(pid) - idle, resident_megabytes(pid) - idle))

    await phase("prepare", lambda: site.prepare(ANALYSIS, specification))
    await phase("start", lambda: site.start(ANALYSIS, StartRequest(specification_sha256=sha256), layout))
    for number in range(1, ROUNDS + 1):
        psi = layout.pack(np.full(layout.p, 0.01 * number), np.eye(layout.q) * 0.5)
        request = EvaluateRequest(
            round=number, specification_sha256=sha256, psi=tuple(psi.tolist()), basis=(1.0,), previous=None
        )
        await phase(f"round {number}", partial(site.evaluate, ANALYSIS, request, layout))
    await phase("close", lambda: site.close(ANALYSIS, CloseRequest(outcome="converged")))
    return measured


def measure(data: Simulated) -> Phases:
    """One site with all rows, in a process of its own."""
    with TemporaryDirectory(prefix="fedglmm-bench-", dir="/var/tmp") as folder:
        place = Path(folder)
        (one,) = write_sites(place / "sites", data, 1)
        specification = resolve(AnalysisRequest(formula=data.formula, family="binomial"), data.dictionary, [one.name])
        before = _children()
        with serving([str(BIN / "fedglmm-site"), "serve", str(one)], place / "sites.json") as announced:
            (pid,) = _children() - before
            return asyncio.run(_asked(one.name, announced["sites"][one.name], pid, specification))


async def _asked(name: str, url: str, pid: int, specification: Specification) -> Phases:
    async with SiteClient(SiteConnection(Answering(name, url))) as site:
        await site.about()
        return await phases(site, pid, specification)


def _children() -> set[int]:
    """The processes that this one has started."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text(encoding="ascii").split()}


def main(*, rows: int = ROWS) -> None:
    measured = measure(simulate(rows, COLUMNS, GROUPS))
    design = rows * (1 + COLUMNS + 1) * 8 / 2**20
    print(
        f"## Memory of a site: {rows:,} rows, {COLUMNS} columns and an intercept, one random effect, {GROUPS} groups\n"
    )
    print(f"The design, X and Z as float64, is {design:.0f} MB.\n")
    lines = [
        (name, f"{peak:.0f}", f"{peak / design:.2f}", verdict(peak / design, at_most=TARGET), f"{stays:.0f}")
        for name, peak, stays in measured
    ]
    print(
        table(("while it answers", "peak over the idle node, MB", "designs", "target", "MB afterwards"), lines),
        flush=True,
    )


if __name__ == "__main__":
    main()
