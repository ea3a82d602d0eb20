"""A site's rows as a relation that DuckDB can query, wherever they come from.

Inside the relation, `data`, the columns are called c0, c1, ... in the source's order: the names in the source are looked up
here, so they never become part of a query and nothing depends on DuckDB's folding or mending of names.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from shared.dictionary import MISSING_TEXTS
from shared.errors import DataError

LOCKED_DOWN: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "threads": 1,  # with more, rows can come in any order; and what takes time is to copy out of DuckDB
}
"""How every connection of DuckDB is made."""

MAX_NAMES = 20
"""So many columns are listed to someone who named one that is not there."""

_NUMERIC_TYPE = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN)")


@dataclass(frozen=True)
class Relation:
    """Rows that can be queried."""

    place: str
    """What errors call the source."""
    names: tuple[str, ...]
    """The columns' names, in the source's order."""
    types: tuple[str, ...]
    """DuckDB's types of the columns: VARCHAR throughout in a CSV file."""
    connection: duckdb.DuckDBPyConnection

    @property
    def position(self) -> str | None:
        """SQL for a row's place in the source, from 0, where the relation has its rows in another order."""
        return None

    def column(self, name: str) -> str:
        """The relation's name for a column.

        Raises:
            DataError: there is no such column.
        """
        if name not in self.names:
            raise DataError(
                f"there is no column `{name}` among the {len(self.names)} columns.",
                where=self.place,
                remedy="Names must match the dictionary's exactly, also in upper and lower case.",
                code="no_column",
            )
        return f"c{self.names.index(name)}"

    def require(self, name: str) -> None:
        """Makes sure of a column, for a command that runs where the data are: its error lists the columns there are.

        Raises:
            DataError: there is no such column.
        """
        if name in self.names:
            return
        folded = {known.casefold(): known for known in self.names}
        nearest = difflib.get_close_matches(name.casefold(), folded, n=1)
        meant = f"Did you mean `{folded[nearest[0]]}`? " if nearest else ""
        shown = ", ".join(self.names[:MAX_NAMES])
        more = f" and {len(self.names) - MAX_NAMES} more" if len(self.names) > MAX_NAMES else ""
        raise DataError(
            f"there is no column `{name}`.",
            where=self.place,
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
            DataError: the rows cannot be read to their end.
        """
        try:
            return self.connection.execute(sql, list(parameters))
        except duckdb.Error:  # its text may quote a cell
            raise DataError(
                "the rows cannot be worked on: is the machine's memory enough for them?",
                where=self.place,
                remedy="Use a machine that has more.",
            ) from None

    def row_number(self, row: int) -> int:
        """The number in the source, from 1, of a row of the relation, counted from 0."""
        if self.position is None:
            return row + 1
        at = self.query(f"SELECT {self.position} FROM data OFFSET {int(row)} LIMIT 1").fetchall()  # noqa: S608 -- our own names only
        return int(at[0][0]) + 1


def check_unique(names: tuple[str, ...], place: str, remedy: str) -> None:
    """Columns that share a name are told by their places: a file without a header has a row's content there.

    Raises:
        DataError: two columns have the same name, or one but for upper and lower case.
    """
    folded = [name.casefold() for name in names]
    for k, name in enumerate(folded):
        first = folded.index(name)
        if first < k:
            but = "" if names[first] == names[k] else ", but for upper and lower case"
            raise DataError(
                f"columns {first + 1} and {k + 1} have the same name{but}.",
                where=place,
                remedy=f"Give every column a name of its own. {remedy}",
            )
