"""A CSV or Parquet file as a relation that DuckDB can query, without ever quoting what stands in it.

Inside the relation, `data`, the columns are called c0, c1, ... in the file's order: the names in the file are looked up
here, so they never become part of a query and nothing depends on DuckDB's folding or mending of names.
"""

import difflib
import glob
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from shared.dictionary import MISSING_TEXTS, NAME
from shared.errors import DataError
from site_node.data.header import csv_names
from site_node.data.long_lines import LONGEST_LINE
from site_node.data.unreadable import is_parquet, unquoted

LARGEST_WHOLE = 2.0**53 - 1.0
"""Beyond it two whole numbers can be the same double."""

BUFFER = 32 * 2**20
"""Bytes of a CSV file that are read at once where nothing is quoted."""

MAX_NAMES = 20
"""So many columns are listed to someone who named one that is not there."""

_NUMERIC_TYPE = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN)")
_LOCKED_DOWN: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "threads": 1,  # with more, rows can come in any order; and what takes time is to copy out of DuckDB
}


class State(NamedTuple):
    """What is seen of a file from outside. Whoever sets the time of modification back cannot set that of the change."""

    size: int
    modified: int
    changed: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> "State":
        """The state of a file now.

        Raises:
            DataError: it is not there.
        """
        try:
            status = path.stat()
        except OSError:
            raise DataError("the data file is not there.", where=path.name, remedy="Set `data` in site.toml.") from None
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@dataclass(frozen=True)
class DataFile:
    """An open file."""

    path: Path
    names: tuple[str, ...]
    """The columns' names, in the file's order."""
    types: tuple[str, ...]
    """DuckDB's types of the columns: VARCHAR throughout in a CSV file."""
    connection: duckdb.DuckDBPyConnection

    def column(self, name: str) -> str:
        """The relation's name for a column of the file.

        Raises:
            DataError: the file has no such column.
        """
        if name not in self.names:
            raise DataError(
                f"there is no column `{name}` among the {len(self.names)} columns.",
                where=self.path.name,
                remedy="Names must match the dictionary's exactly, also in upper and lower case.",
                code="no_column",
            )
        return f"c{self.names.index(name)}"

    def require(self, name: str) -> None:
        """Makes sure of a column, for a command that runs where the data are: its error lists the columns there are.

        Raises:
            DataError: the file has no such column.
        """
        if name in self.names:
            return
        if not all(NAME.fullmatch(known) for known in self.names):  # a file without a header has a row's content there
            raise DataError(
                f"there is no column `{name}`, and its first line holds texts that no variable can be called.",
                where=self.path.name,
                remedy="Is the first line the column names? They are letters, digits, points and underscores.",
                code="no_column",
            )
        folded = {known.casefold(): known for known in self.names}
        nearest = difflib.get_close_matches(name.casefold(), folded, n=1)
        meant = f"Did you mean `{folded[nearest[0]]}`? " if nearest else ""
        shown = ", ".join(self.names[:MAX_NAMES])
        more = f" and {len(self.names) - MAX_NAMES} more" if len(self.names) > MAX_NAMES else ""
        raise DataError(
            f"there is no column `{name}`.",
            where=self.path.name,
            remedy=f"{meant}The columns are: {shown}{more}.",
            code="no_column",
        )

    def text(self, name: str) -> str:
        """SQL for a column's value as text, NULL where it is missing."""
        value = f"CAST({self.column(name)} AS VARCHAR)"
        missing = ", ".join(f"'{text}'" for text in MISSING_TEXTS)
        return f"CASE WHEN {value} NOT IN ({missing}) THEN {value} END"

    def number(self, name: str) -> str:
        """SQL for a column's value as a double: NaN where it is missing, infinite where it is no finite number."""
        column = self.column(name)
        if _NUMERIC_TYPE.fullmatch(self.types[self.names.index(name)]):
            return f"coalesce(CAST({column} AS DOUBLE), 'nan'::DOUBLE)"
        # DuckDB reads 1_000 and -nan as numbers; nobody who writes them into a data file means one
        number = f"nullif(TRY_CAST(replace({self.text(name)}, '_', 'x') AS DOUBLE), 'nan'::DOUBLE)"
        return f"CASE WHEN ({self.text(name)}) IS NULL THEN 'nan'::DOUBLE ELSE coalesce({number}, 'inf'::DOUBLE) END"

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        """Runs a query over `data`.

        Raises:
            DataError: the file cannot be read to its end.
        """
        with unquoted(self.path):
            return self.connection.execute(sql, list(parameters))


@contextmanager
def open_file(path: Path) -> Iterator[DataFile]:
    """Opens a CSV or Parquet file as the relation `data`.

    Raises:
        DataError: the file is not there, is empty, or is neither CSV in UTF-8 nor Parquet.
    """
    _check_place(path)
    with duckdb.connect(":memory:", config=_LOCKED_DOWN) as connection, unquoted(path):
        names = _parquet_names(connection, path) if is_parquet(path) else csv_names(path)
        _check_unique(names, path)
        aliases = ", ".join(f"c{k}" for k in range(len(names)))
        reader = _literal_reader(path, len(names))
        connection.execute(f"CREATE VIEW data AS SELECT * FROM {reader} AS file({aliases})")  # noqa: S608 -- no name of the file's is in it
        types = tuple(str(row[1]) for row in connection.execute("DESCRIBE data").fetchall())
        yield DataFile(path, names, types, connection)


def _literal_reader(path: Path, columns: int) -> str:
    quoted = glob.escape(str(path)).replace("'", "''")
    if is_parquet(path):
        return f"read_parquet('{quoted}', hive_partitioning = false)"
    declared = ", ".join(f"'c{k}': 'VARCHAR'" for k in range(columns))
    return (
        f"read_csv('{quoted}', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
        f"compression = 'none', hive_partitioning = false, max_line_size = {LONGEST_LINE}, "
        f"buffer_size = {_buffer_size(path)}, columns = {{{declared}}})"
    )


def _buffer_size(path: Path) -> int:
    """Enough for all of a file with quotes: they may hold line breaks, which DuckDB refuses where two of its pieces meet.

    Its pieces are quarters of a buffer; of a buffer that is larger than the file it takes what the file needs.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return max(BUFFER, 5 * len(content)) if content.find(b'"') >= 0 else BUFFER


def _parquet_names(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    """As they stand in the file: in its relation DuckDB renames columns that differ in case only."""
    schema = connection.execute("SELECT name, num_children FROM parquet_schema(?)", [glob.escape(str(path))])
    _, *nodes = schema.fetchall()
    return tuple(_top_level(iter(nodes)))


def _top_level(nodes: Iterator[tuple[str, int | None]]) -> Iterator[str]:
    """The names of a depth-first tree's first generation."""
    for name, children in nodes:
        yield str(name)
        inside = children or 0
        while inside:
            _, more = next(nodes)
            inside += (more or 0) - 1


def _check_place(path: Path) -> None:
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise DataError(
            "there is no such file.", where=str(path), remedy="Name a CSV or Parquet file that is there."
        ) from None
    except OSError as error:
        raise DataError(
            f"the file cannot be read ({error.strerror}).",
            where=str(path),
            remedy="Name a CSV or Parquet file that this user may read.",
        ) from None
    if empty:
        raise DataError("the file is empty.", where=path.name, remedy="It needs a header and rows.")


def _check_unique(names: tuple[str, ...], path: Path) -> None:
    """Columns that share a name are told by their places: a file without a header has a row's content there."""
    folded = [name.casefold() for name in names]
    for k, name in enumerate(folded):
        first = folded.index(name)
        if first < k:
            but = "" if names[first] == names[k] else ", but for upper and lower case"
            raise DataError(
                f"columns {first + 1} and {k + 1} have the same name{but}.",
                where=path.name,
                remedy="Give every column a name of its own. Is the first line the column names?",
            )
