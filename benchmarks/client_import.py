"""What it takes to import the analyst's package and its connection, each in a process of its own."""

import statistics
import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage

from benchmarks.measured import table

PROGRAMS = (
    "pass",
    "import coordinator.client",
    "from coordinator.client import Coordinator",
    "from coordinator.client import Coordinator; Coordinator('http://127.0.0.1:8000')",
)
TARGET = 0.5
"""Seconds."""
REPEATS = 9


def import_seconds(program: str) -> float:
    """The median of the seconds of a processor that a process takes for it, its start included."""
    run = [sys.executable, "-c", program]
    taken = []
    for _ in range(REPEATS + 1):
        before = getrusage(RUSAGE_CHILDREN)
        subprocess.run(run, check=True)  # noqa: S603 -- our own line
        after = getrusage(RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken[1:])  # the first one reads the files from the disk


def main() -> None:
    print(f"## Import of the analyst's package: at most {TARGET} s\n")
    lines = [(f"`{program}`", f"{import_seconds(program):.2f}") for program in PROGRAMS]
    print(table(("program", "seconds of a processor, with the interpreter's start"), lines))
