"""What it takes to import the analyst's package and its connection, each in a process of its own."""

import statistics
import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage

from benchmarks.measured import seconds, table

PROGRAMS = (
    "pass",
    "import coordinator.client",
    "from coordinator.client import Coordinator",
    "from coordinator.client import Coordinator; Coordinator('http://127.0.0.1:8000')",
)
TARGET = 0.5
"""Seconds."""
REPEATS = 9


def import_seconds(program: str) -> tuple[float, float]:
    """Medians of the seconds that a process takes for it, its start included, by the clock and of a processor."""
    run = [sys.executable, "-c", program]
    taken = []
    for _ in range(REPEATS + 1):
        before = getrusage(RUSAGE_CHILDREN)
        clock = seconds(lambda: subprocess.run(run, check=True))  # noqa: S603 -- our own line
        after = getrusage(RUSAGE_CHILDREN)
        taken.append((clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    clocks, processor = zip(*taken[1:], strict=True)  # the first one reads the files from the disk
    return statistics.median(clocks), statistics.median(processor)


def main() -> None:
    print(f"## Import of the analyst's package: at most {TARGET} s\n")
    measured = ((program, *import_seconds(program)) for program in PROGRAMS)
    lines = [(f"`{program}`", f"{clock:.2f}", f"{processor:.2f}") for program, clock, processor in measured]
    print(table(("program", "seconds with the interpreter's start", "of a processor"), lines))
