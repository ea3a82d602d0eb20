"""A CSV or Parquet file as a relation that DuckDB can query, without ever quoting what stands in it."""

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from shared.dictionary import NAME
from shared.errors import DataError
from site_node.data.header import csv_names
from site_node.data.long_lines import LONGEST_LINE
from site_node.data.relation import LOCKED_DOWN, Relation, check_unique
from site_node.data.unreadable import is_parquet, unquoted

LARGEST_WHOLE = 2.0**53 - 1.0
"""Beyond it two whole numbers can be the same double."""

BUFFER = 32 * 2**20
"""Bytes of a CSV file that are read at once where nothing is quoted."""


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
class DataFile(Relation):
    """An open file."""

    path: Path

    def require(self, name: str) -> None:
        """Makes sure of a column; a file without a header has a row's content in the place of names, which is not listed.

        Raises:
            DataError: the file has no such column.
        """
        if name not in self.names and not all(NAME.fullmatch(known) for known in self.names):
            raise DataError(
                f"there is no column `{name}`, and its first line holds texts that no variable can be called.",
                where=self.place,
                remedy="Is the first line the column names? They are letters, digits, points and underscores.",
                code="no_column",
            )
        super().require(name)

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
    with duckdb.connect(":memory:", config=LOCKED_DOWN) as connection, unquoted(path):
        names = _parquet_names(connection, path) if is_parquet(path) else csv_names(path)
        check_unique(names, path.name, "Is the first line the column names?")
        aliases = ", ".join(f"c{k}" for k in range(len(names)))
        reader = _literal_reader(path, len(names))
        connection.execute(f"CREATE VIEW data AS SELECT * FROM {reader} AS file({aliases})")  # noqa: S608 -- no name of the file's is in it
        types = tuple(str(row[1]) for row in connection.execute("DESCRIBE data").fetchall())
        yield DataFile(path.name, names, types, connection, path)


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
