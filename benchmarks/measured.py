"""How the benchmarks measure: seconds, the peak memory of a process, and a table with its targets beside it."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

CLEAR_PEAK = "5"
"""What /proc/PID/clear_refs takes to set VmHWM back to VmRSS."""


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of a call, of all threads of the process: what others do on the machine is not in it."""
    began = time.process_time()
    work()
    return time.process_time() - began


def resident_megabytes(pid: int) -> float:
    """What a process has in memory now."""
    return _status(pid, "VmRSS")


def peak_megabytes(pid: int) -> float:
    """The most that a process has had in memory since it began, or since `forget_peak`."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Begins the peak anew."""
    Path(f"/proc/{pid}/clear_refs").write_text(CLEAR_PEAK, encoding="ascii")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    lines = [columns, ["-", *["-:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def verdict(value: float, *, at_most: float | None = None, at_least: float | None = None) -> str:
    """A target, and whether a figure reaches it."""
    if at_most is not None:
        return f"at most {at_most:g}: {'met' if value <= at_most else 'missed'}"
    return f"at least {at_least:g}: {'met' if value >= (at_least or 0.0) else 'missed'}"


def _status(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise LookupError(field)
