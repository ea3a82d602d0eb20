"""The columns of a data file, read a few at a time; a value that does not fit its variable is told by its row."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.codes import DATA_CHANGED
from shared.dictionary import Dictionary, Variable
from shared.errors import DataError
from site_node.data.files import LARGEST_WHOLE, DataFile, State, open_file
from site_node.data.relation import Relation
from site_node.data.rows_at_fault import refuse_rows
from site_node.data.table import Table
from site_node.data.units import Known
from site_node.data.unreadable import is_parquet

AT_ONCE = 8 * 2**20
"""Bytes of a Parquet file's columns, as float64, that are read at once: more takes more memory and no less time."""
LARGE_CSV = 512 * 2**20
"""Bytes of a CSV file from which on its columns are not all read at once. Every reading goes through the whole file."""
CSV_READINGS = 4
"""In so many parts at most the columns of a large CSV file are read."""

_UNKNOWN_LEVEL = -2
_GROUP = "Make an identifier a `group` in the dictionary, and a measurement a `number`."
_LEVELS = "Agree on the level, or mend the data: a level is spelled as in the dictionary, case and blanks included."
_NUMERALS = "A decimal number has a point, and thousands have no separator."


@dataclass(frozen=True)
class FileColumns:
    """The columns of an open file, or of rows that no longer change. Nothing is read from a file whose state is another."""

    file: Relation
    state: State | None = None
    """What the file must be and stay in; none of rows that no longer change."""

    def read(self, variables: Sequence[Variable]) -> Table:
        """The columns of these variables, and no others.

        Raises:
            DataError: the file has changed, cannot be read or has no rows, a column is not there, or a value does not
                fit its variable. The error names the column and the row, never the value.
        """
        levels = [list(variable.coded_levels) for variable in variables if variable.type == "factor"]
        with self._unchanged():
            for k, variable in enumerate(variables):
                if variable.type == "group":
                    _number_groups(self.file, variable.name, k)
            arrays = self._fetch([_value(self.file, variable, k) for k, variable in enumerate(variables)], levels)
        if len(arrays[0]) == 0:
            raise DataError(
                "the file has a header and no rows.", where=self.file.place, remedy="Set `data` to a file with rows."
            )
        table = Table(
            len(arrays[0]),
            {v.name: a for v, a in zip(variables, arrays, strict=True) if v.type in {"number", "integer"}},
            {v.name: a for v, a in zip(variables, arrays, strict=True) if v.type == "factor"},
            {v.name: a for v, a in zip(variables, arrays, strict=True) if v.type == "group"},
            None if self.file.position is None else self._fetch([self.file.position], [])[0],
        )
        for variable in variables:
            _check(table, variable)
        return table

    def complete(self, variables: Sequence[Variable]) -> NDArray[np.bool_]:
        """In which rows none of these variables is missing.

        Raises:
            DataError: the file has changed or cannot be read, or a column is not there.
        """
        missing = " OR ".join(_missing(self.file, variable) for variable in variables)
        with self._unchanged():
            return self._fetch([f"NOT ({missing})"], [])[0]

    def present(self, variables: Sequence[Variable]) -> tuple[Variable, ...]:
        """Those of which the file has the column."""
        return tuple(variable for variable in variables if variable.name in self.file.names)

    def contents(self, variables: Sequence[Variable]) -> NDArray[np.uint64]:
        """What each row says in the columns of these variables: a number a cell, (n, columns).

        Of a number it is the value's own bits, however it is written; of a text a hash.

        Raises:
            DataError: the file has changed or cannot be read.
        """
        with self._unchanged():
            cells = self._fetch([_cell(self.file, variable) for variable in variables], [])
        return np.column_stack([np.ascontiguousarray(column).view(np.uint64) for column in cells])

    def known(self, dictionary: Dictionary, secret: bytes) -> Known:
        """The rows, (n,), by what they say in the dictionary's columns, and whom they are about.

        Raises:
            DataError: the file has changed or cannot be read.
        """
        variables = self.present(dictionary.columns)
        unit = next((k for k, one in enumerate(variables) if one.name == dictionary.privacy_unit), None)
        return Known.of(self.contents(variables), secret, unit)

    def at_once(self, variables: int) -> int:
        """How many columns should be read at once, of so many."""
        if self.state is not None and isinstance(self.file, DataFile) and not is_parquet(self.file.path):
            return variables if self.state.size < LARGE_CSV else -(-variables // CSV_READINGS)
        rows = self.file.query("SELECT count(*) FROM data").fetchall()[0][0]
        return max(AT_ONCE // (8 * max(int(rows), 1)), 1)

    def _fetch(self, expressions: Sequence[str], parameters: Sequence[Sequence[str]]) -> list[NDArray[Any]]:
        named = ", ".join(f"{expression} AS v{k}" for k, expression in enumerate(expressions))
        fetched = self.file.query(f"SELECT {named} FROM data", parameters).fetchnumpy()  # noqa: S608 -- our own names only
        return [np.asarray(fetched[f"v{k}"]) for k in range(len(expressions))]

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        try:
            yield
        except DataError:  # a file that is half written can have any other fault
            self._check_state()
            raise
        self._check_state()

    def _check_state(self) -> None:
        if isinstance(self.file, DataFile) and State.of(self.file.path) != self.state:
            raise DataError(
                "the site's data have changed while they were read.",
                where="the data",
                remedy="Start a new analysis.",
                code=DATA_CHANGED,
            ) from None


@contextmanager
def open_columns(path: Path, state: State | None = None) -> Iterator[FileColumns]:
    """Opens a data file to read its columns.

    Args:
        path: the file.
        state: what it must be and stay in; as it is now unless given.

    Raises:
        DataError: the file cannot be read.
    """
    with open_file(path) as file:
        yield FileColumns(file, state or State.of(path))


def read_columns(path: Path, variables: Sequence[Variable]) -> Table:
    """Reads the columns of these variables at once; see `FileColumns.read`."""
    with open_columns(path) as columns:
        return columns.read(variables)


def _number_groups(file: Relation, name: str, k: int) -> None:
    text = file.text(name)
    present = f"SELECT DISTINCT {text} FROM data WHERE ({text}) IS NOT NULL ORDER BY 1"  # noqa: S608 -- our own names only
    file.query(f"CREATE OR REPLACE TYPE groups{k} AS ENUM ({present})")


def _value(file: Relation, variable: Variable, k: int) -> str:
    """SQL for a variable's value. What does not fit is folded into the number: one pass over the file is enough."""
    text = file.text(variable.name)
    match variable.type:
        case "number" | "integer":
            return file.number(variable.name)
        case "factor":
            known = f"coalesce(list_position(?, {text}) - 1, {_UNKNOWN_LEVEL})"
            return f"CAST(CASE WHEN ({text}) IS NULL THEN -1 ELSE {known} END AS INTEGER)"
        case "group":
            return f"CAST(coalesce(enum_code(CAST({text} AS groups{k})), -1) AS BIGINT)"


def _cell(file: Relation, variable: Variable) -> str:
    """SQL for 64 bits that stand for a variable's value, or for its being missing."""
    if variable.type in {"number", "integer"}:
        return f"{file.number(variable.name)} + 0.0"  # no two zeros
    return f"coalesce(md5_number_lower({file.text(variable.name)}), 0::UBIGINT)"


def _missing(file: Relation, variable: Variable) -> str:
    """SQL for whether a variable is missing."""
    if variable.type in {"number", "integer"}:
        return f"isnan({file.number(variable.name)})"
    return f"({file.text(variable.name)}) IS NULL"


def _check(table: Table, variable: Variable) -> None:
    """Every value fits its variable.

    Raises:
        DataError: one does not; the first such row is named.
    """
    if variable.type == "group":
        return

    def refuse(bad: NDArray[np.bool_], what: str, remedy: str) -> None:
        where = f"column `{variable.name}`"
        refuse_rows(bad, table, what, where=where, remedy=remedy, code="bad_value", computed=False)

    if variable.type == "factor":
        refuse(table.codes[variable.name] == _UNKNOWN_LEVEL, "a level that the dictionary lacks", _LEVELS)
        return
    values = table.numbers[variable.name]
    remedy = f"Mend it, or leave the field empty where the value is missing. {_NUMERALS}"
    refuse(np.isinf(values), "something that is not a finite number", remedy)
    if variable.type == "integer":
        refuse(np.abs(values) > LARGEST_WHOLE, "a whole number that is too large to be kept exactly", _GROUP)
        refuse(np.floor(values) < values, "a fraction", "Make the variable a `number` in the dictionary.")
    if variable.range is not None:
        low, high = variable.range
        outside = (values < low) | (values > high)
        refuse(outside, "a value outside the dictionary's range", "Mend it, or agree on a wider range.")
