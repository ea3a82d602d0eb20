"""What the protocol adds to a round: its wall time without the computing of the slowest site, and the coordinator's own share.

With ten sites in processes of their own a round lasts from the moment at which the first site begins to compute to the
same moment of the next round. It so holds the replies' way back, the sum, the step, the commit of the round to the
database and the next request's way. A site's log says how long it computed; making the reply is part of that.

With 200 sites in one process, all time that is not spent inside a site is the coordinator's: HTTP client, messages, sum,
step, database.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import structlog
from threadpoolctl import threadpool_limits

from benchmarks.in_process import InProcessSite
from benchmarks.loopback import loopback
from benchmarks.measured import table, verdict
from benchmarks.simulated import simulate, write_sites
from coordinator.analysis import Federation
from coordinator.optimiser import Optimiser
from coordinator.records import Analysis, Round
from coordinator.request import resolve
from coordinator.result import make_result
from coordinator.slots import Slots
from coordinator.sql_store import SqlStore
from shared.optimisation.start import add_starts
from shared.optimisation.step import begin, step
from shared.request import AnalysisRequest

SITES, ROWS_PER_SITE, GROUPS_PER_SITE, FITS = 10, 1_000, 10, 5
TARGETS = {20: 30.0, 200: 60.0}
"""Columns, and the most milliseconds a round may take beside the slowest site's computing."""
IN_PROCESS = ((200, 20), (200, 200))
"""Sites, columns."""
ROWS_IN_PROCESS = 400


def over_loopback(columns: int) -> list[tuple[float, float]]:
    """Seconds of every round but the last ones, and of the slowest site's computing in it."""
    data = simulate(SITES * ROWS_PER_SITE, columns, SITES * GROUPS_PER_SITE)
    with TemporaryDirectory(prefix="fedglmm-bench-") as folder:
        place = Path(folder)
        with loopback(place, write_sites(place / "sites", data, SITES, policy="open")) as running:
            for _ in range(FITS):
                running.fit({"formula": data.formula, "family": "binomial"})
            return cycles(running.logs)


def cycles(logs: Sequence[Path]) -> list[tuple[float, float]]:
    """From the sites' logs: seconds between the first beginnings of two rounds, and the slowest computing in the first."""
    began: dict[tuple[str, int], list[float]] = {}
    computing: dict[tuple[str, int], list[float]] = {}
    for path in logs:
        for entry in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if entry["event"] == "answered" and entry["round"] > 0:
                at = (entry["analysis"], entry["round"])
                answered = datetime.fromisoformat(entry["timestamp"]).timestamp()
                began.setdefault(at, []).append(answered - entry["seconds"])
                computing.setdefault(at, []).append(entry["seconds"])
    return [
        (min(began[analysis, number + 1]) - min(first), max(computing[analysis, number]))
        for (analysis, number), first in began.items()
        if (analysis, number + 1) in began
    ]


class ClockedStore(SqlStore):
    """Notes when a round was stored, and what the sites had taken by then."""

    def __init__(self, url: str, sites: Sequence[InProcessSite]) -> None:
        super().__init__(url)
        self.sites = sites
        self.marks: list[tuple[float, float]] = []

    def add_round(self, analysis_id: str, entry: Round) -> None:
        super().add_round(analysis_id, entry)
        self.marks.append((perf_counter(), sum(site.seconds for site in self.sites)))


def in_process(sites: int, columns: int) -> tuple[float, InProcessSite]:
    """The coordinator's own seconds for one round, and one of the sites."""
    data = simulate(sites * ROWS_IN_PROCESS, columns, sites)
    nodes = [InProcessSite(f"site-{k:03d}", data.part(k, sites)) for k in range(sites)]
    with TemporaryDirectory(prefix="fedglmm-bench-") as folder, threadpool_limits(limits=1):
        store = ClockedStore(f"sqlite:///{folder}/coordinator.db", nodes)
        asyncio.run(_run(store, nodes, data.formula))
        store.close()
    own = [
        (later[0] - earlier[0]) - (later[1] - earlier[1])
        for earlier, later in zip(store.marks, store.marks[1:], strict=False)
    ]
    return median(own), nodes[0]


async def _run(store: ClockedStore, nodes: Sequence[InProcessSite], formula: str) -> None:
    request = AnalysisRequest(formula=formula, family="binomial")
    specification = resolve(request, nodes[0].data.dictionary, [node.name for node in nodes])
    analysis = Analysis.submitted(request, specification)
    store.add(analysis, specification)
    clients = {node.name: node.client() for node in nodes}
    federation = Federation(store, clients, Optimiser(add_starts, begin, step), make_result, 1.0)
    async with Slots(1, 0).one() as slot:
        await federation.run(analysis.id, slot)
    ending = store.get(analysis.id)
    if store.result(analysis.id) is None:
        raise RuntimeError(f"it ended as {ending.state}: {ending.problems}")


def main() -> None:
    print(f"## Protocol: a round over loopback, {SITES} site processes of {ROWS_PER_SITE:,} rows each\n")
    lines = []
    for columns, target in TARGETS.items():
        measured = over_loopback(columns)
        added = 1e3 * median(round_ - slowest for round_, slowest in measured)
        whole, slowest = (1e3 * median(part) for part in zip(*measured, strict=True))
        cells = (f"{whole:.1f}", f"{slowest:.1f}", f"{added:.1f}", verdict(added, at_most=target))
        lines.append((columns, len(measured), *cells))
    print(table(("columns", "rounds", "round, ms", "slowest site's computing, ms", "added, ms", "target, ms"), lines))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    print("## Protocol: the coordinator's own time, all sites in its process\n")
    lines = []
    for sites, columns in IN_PROCESS:
        own, node = in_process(sites, columns)
        bytes_ = (f"{node.request_bytes:,}", f"{node.reply_bytes:,}")
        lines.append((sites, columns, f"{1e3 * own:.0f}", f"{1e3 * own / sites:.2f}", *bytes_))
    print(table(("sites", "columns", "round, ms", "ms a site", "bytes to a site", "bytes back"), lines), flush=True)
