"""No line of a CSV file may be longer than a limit: DuckDB drops a last line that its buffer cannot hold, and is silent."""

from pathlib import Path
from typing import BinaryIO

from shared.errors import DataError

LONGEST_LINE = 2_000_000
"""Bytes."""
_NEAR = 1 << 16
"""So far in front of the limit most files have a line end."""
_CHUNK = 1 << 20


def check_lines(path: Path) -> None:
    """Goes from line end to line end, as far apart as may be, so that little of the file is read.

    Raises:
        DataError: a line is too long.
        OSError: the file cannot be read.
    """
    size, begin = path.stat().st_size, 0
    with path.open("rb") as file:
        while begin + LONGEST_LINE < size:
            end = _last_end(file, begin)
            if end < begin:
                raise DataError(
                    f"line {_lines_before(file, begin) + 1} is longer than {LONGEST_LINE:,} bytes.",
                    where=path.name,
                    remedy="Is it a CSV file with line ends?",
                )
            begin = end + 1


def _last_end(file: BinaryIO, begin: int) -> int:
    """Where the last line end is that a line from here may have; -1 if there is none."""
    stop = begin + LONGEST_LINE + 1
    for start in (stop - _NEAR, begin):
        file.seek(start)
        text = file.read(stop - start)
        last = max(text.rfind(b"\n"), text.rfind(b"\r"))
        if last >= 0:
            return start + last
    return -1


def _lines_before(file: BinaryIO, stop: int) -> int:
    feeds = returns = 0
    file.seek(0)
    for start in range(0, stop, _CHUNK):
        text = file.read(min(_CHUNK, stop - start))
        feeds += text.count(b"\n")
        returns += text.count(b"\r")
    return max(feeds, returns)
