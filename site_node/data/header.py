"""The first line of a CSV file: the columns' names, or what the file is instead of CSV in UTF-8."""

import csv
import io
from pathlib import Path

from shared.errors import DataError
from site_node.data.encoding import CONVERT, first_undecodable
from site_node.data.long_lines import LONGEST_LINE, check_lines

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SIGNATURES = (
    (b"PAR1", "a Parquet file", "Let its name end in .parquet."),
    (b"\x1f\x8b", "compressed by gzip", "Unpack it."),
    (b"BZh91AY&SY", "compressed by bzip2", "Unpack it."),
    (b"\xfd7zXZ\x00", "compressed by xz", "Unpack it."),
    (b"(\xb5/\xfd", "compressed by zstd", "Unpack it."),
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "Unpack it, or save the sheet as CSV in UTF-8."),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet", "Save the sheet as CSV in UTF-8."),
)
_SAVE = "Save the file as CSV in UTF-8, separated by commas, with one line of column names."


def csv_names(path: Path) -> tuple[str, ...]:
    """The names in the header, read here because DuckDB's sniffer takes a ragged file's first row for a header.

    Raises:
        DataError: the file is something else than CSV in UTF-8 separated by commas, a line of it is too
            long, or its first line names no columns.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        begin = file.read(LONGEST_LINE + 1)
    _check_kind(begin, path)
    check_lines(path)
    text = begin.decode("utf-8-sig", errors="surrogateescape")
    _check_commas(text, path)
    try:
        names = tuple(next(csv.reader(io.StringIO(text, newline=""), strict=True), ()))
        "".join(names).encode()
    except UnicodeEncodeError:
        raise DataError(
            f"its header is not in UTF-8. {first_undecodable(path)}", where=path.name, remedy=CONVERT
        ) from None
    except csv.Error:
        raise DataError(
            "its header cannot be read as CSV: is there a quote that does not close?", where=path.name, remedy=_SAVE
        ) from None
    if not any(name.strip() for name in names):
        raise DataError("its first line holds no column names.", where=path.name, remedy=_SAVE)
    return names


def _check_kind(begin: bytes, path: Path) -> None:
    for signature, kind, remedy in _SIGNATURES:
        if begin.startswith(signature):
            raise DataError(f"the file is {kind}, and its name says CSV.", where=path.name, remedy=remedy)
    if begin.startswith(_UTF16_MARKS) or b"\0" in begin.replace(b"\r", b"\n").partition(b"\n")[0]:
        raise DataError(
            "its header holds bytes that no text in UTF-8 has: it seems to be in UTF-16.",
            where=path.name,
            remedy=_SAVE,
        )


def _check_commas(text: str, path: Path) -> None:
    header = io.StringIO(text, newline="").readline()
    for sign, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        if header.count(sign) > header.count(","):
            raise DataError(
                f"it seems to be separated by {called}; columns are separated by commas here.",
                where=path.name,
                remedy="Save the file as CSV separated by commas, with a point in decimal numbers.",
            )
