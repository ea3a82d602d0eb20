"""DuckDB's errors in words of our own, because its own words quote the patient's row."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from shared.errors import DataError
from site_node.data.encoding import CONVERT, first_undecodable
from site_node.data.long_lines import LONGEST_LINE

PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})

_LINE = re.compile(r"[^\n]*?CSV Error on Line: (\d+)\n")
_FIELDS = re.compile(r"^Expected Number of Columns: (\d+) Found: (\d+)", re.MULTILINE)
_QUOTE = "Close it, and write a quote inside a text twice."
_CAUSES = (
    ("Value with unterminated quote", "has a quote that does not close, or text behind a closing quote.", _QUOTE),
    ("Maximum line size", f"is longer than {LONGEST_LINE:,} bytes.", "Is there a quote that does not close?"),
)
_FORMAT = (
    "A CSV file is in UTF-8 and separated by commas, with as many fields in every line as in the header and double "
    "quotes around text that holds a comma."
)


def is_parquet(path: Path) -> bool:
    """Whether a file's name says Parquet; any other file is taken for CSV."""
    return path.suffix.lower() in PARQUET_SUFFIXES


@contextmanager
def unquoted(path: Path) -> Iterator[None]:
    """Turns an error of DuckDB's into one that names the line, and never what stands in it.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise DataError(
            "the machine's memory is not enough to read it.", where=path.name, remedy="Use a machine that has more."
        ) from None
    except duckdb.Error as error:
        message, remedy = _parquet_words() if is_parquet(path) else _csv_words(str(error), path)
        raise DataError(message, where=path.name, remedy=remedy) from None


def _parquet_words() -> tuple[str, str]:
    return (
        "the file cannot be read: it is damaged, cut off or no Parquet.",
        "Write it again. Parquet is known by the suffix .parquet; anything else must be CSV.",
    )


def _csv_words(text: str, path: Path) -> tuple[str, str]:
    """What happened, and what to do."""
    line = _LINE.match(text)
    if line is None and "invalid state" in text:
        return "its lines do not all end in the same way.", "Save the file with one kind of line end throughout."
    if line is None:
        return "the file cannot be read.", _FORMAT
    if "Invalid unicode" in text and (foreign := first_undecodable(path)):
        return f"line {foreign.line} is not in UTF-8. {foreign}", CONVERT
    place = f"line {line[1]}"
    for sign, words, remedy in _CAUSES:
        if sign in text:
            return f"{place} {words}", remedy
    fields = _FIELDS.findall(text)
    return _field_words(place, *map(int, fields[-1])) if fields else (f"{place} cannot be read.", _FORMAT)


def _field_words(place: str, expected: int, present: int) -> tuple[str, str]:
    if present > expected:
        return (
            f"{place} has more fields than the header. The first too many is number {expected + 1}.",
            "Put double quotes around text that holds a comma; a decimal number has a point.",
        )
    return (
        f"{place} has fewer fields than the header. The last is number {present} of {expected}.",
        "Is the line cut off? A missing value is an empty field.",
    )
