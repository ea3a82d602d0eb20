"""Where a file that should be in UTF-8 is not: line, byte and column, and never what stands there."""

import codecs
import re
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

CONVERT = "Save the file as CSV in UTF-8. From Windows' encoding: `iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv`."

_CHUNK = 1 << 20
_LINE_END = re.compile(rb"\r\n|\n|\r")
_QUOTED = re.compile(rb'"[^"]*"')


class Undecodable(NamedTuple):
    """The first byte of a file that cannot be in UTF-8. All are counted from 1."""

    line: int
    byte: int
    """Within the line."""
    column: int

    def __str__(self) -> str:
        """The place, in words."""
        return f"The first byte that cannot be: byte {self.byte} of line {self.line}, in column {self.column}."


def first_undecodable(path: Path) -> Undecodable | None:
    """Finds it. The column is right where no cell holds a line break.

    Raises:
        OSError: the file cannot be read, or is empty.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        bad = _first_bad(content)
        if bad is None:
            return None
        line, begin = 1, 0
        for end in _LINE_END.finditer(content, 0, bad):
            line, begin = line + 1, end.end()
        before = _QUOTED.sub(b"", content[begin:bad])
    return Undecodable(line, bad - begin + 1, before.count(b",") + 1)


def _first_bad(content: mmap) -> int | None:
    at = 0
    while at < len(content):
        piece = content[at : at + _CHUNK]
        try:
            _, decoded = codecs.utf_8_decode(piece, "strict", at + len(piece) == len(content))
        except UnicodeDecodeError as error:
            return at + error.start
        at += decoded
    return None
