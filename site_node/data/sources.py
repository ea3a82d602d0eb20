"""The columns of a site's data file as arrays, and a fingerprint that changes when the file does."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.dictionary import Variable
from shared.errors import DataError
from shared.parameters import Vector
from site_node.data.files import LARGEST_WHOLE, DataFile, open_file
from site_node.estimation.rows import Index

Codes = NDArray[np.int32]

_UNKNOWN_LEVEL = -2
_CHUNK = 1 << 20

_GROUP = "Make an identifier a `group` in the dictionary, and a measurement a `number`."
_LEVELS = "Agree on the level, or mend the data: a level is spelled as in the dictionary, case and blanks included."
_NUMERALS = "A decimal number has a point, and thousands have no separator."


@dataclass(frozen=True)
class Table:
    """Some columns of a data file, in the order of its rows."""

    rows: int
    numbers: Mapping[str, Vector]
    """number and integer: NaN where missing."""
    codes: Mapping[str, Codes]
    """factor: positions in the variable's coded levels, -1 where missing."""
    groups: Mapping[str, Index]
    """group: any number for each of the column's values, -1 where missing."""
    origin: Index | None = None
    """Where each row stands in the file; in the file's order unless given."""

    def missing(self, name: str) -> NDArray[np.bool_]:
        """In which rows a variable is missing."""
        if name in self.numbers:
            return np.isnan(self.numbers[name])
        return np.asarray((self.codes[name] if name in self.codes else self.groups[name]) < 0)

    def select(self, rows: Index) -> "Table":
        """These rows, in this order."""
        return Table(
            len(rows),
            {name: values[rows] for name, values in self.numbers.items()},
            {name: values[rows] for name, values in self.codes.items()},
            {name: values[rows] for name, values in self.groups.items()},
            rows if self.origin is None else self.origin[rows],
        )

    def row_number(self, position: int) -> int:
        """The number of a row in the file; the first one below the header is 1."""
        return (position if self.origin is None else int(self.origin[position])) + 1


def read_columns(path: Path, variables: Sequence[Variable]) -> Table:
    """Reads the columns of these variables, and no others.

    Raises:
        DataError: the file cannot be read or has no rows, a column is not there, or a value does not fit its variable.
            The error names the column and the row, never the value.
    """
    with open_file(path) as file:
        for k, variable in enumerate(variables):
            if variable.type == "group":
                _number_groups(file, variable.name, k)
        expressions = ", ".join(f"{_value(file, variable, k)} AS v{k}" for k, variable in enumerate(variables))
        levels = [list(variable.coded_levels) for variable in variables if variable.type == "factor"]
        fetched = file.query(f"SELECT {expressions} FROM data", levels).fetchnumpy()  # noqa: S608 -- our own names only
    arrays = [np.asarray(fetched[f"v{k}"]) for k in range(len(variables))]
    if len(arrays[0]) == 0:
        raise DataError("the file has a header and no rows.", where=path.name, remedy="Set `data` to a file with rows.")
    table = Table(
        len(arrays[0]),
        {v.name: a for v, a in zip(variables, arrays, strict=True) if v.type in {"number", "integer"}},
        {v.name: a for v, a in zip(variables, arrays, strict=True) if v.type == "factor"},
        {v.name: a for v, a in zip(variables, arrays, strict=True) if v.type == "group"},
    )
    for variable in variables:
        _check(table, variable)
    return table


def fingerprint(path: Path, secret: bytes) -> str:
    """The keyed hash of a file: a plain one could be guessed when the file is small.

    Raises:
        DataError: the file cannot be read.
    """
    keyed = hmac.new(secret, digestmod=hashlib.sha256)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                keyed.update(chunk)
    except OSError:
        raise DataError("the data file cannot be read.", where=path.name, remedy="Set `data` in site.toml.") from None
    return keyed.hexdigest()


@dataclass
class FileSource:
    """A data file, hashed again only when its size, its place on the disk or one of its times has changed."""

    path: Path
    secret: bytes = field(repr=False)
    _known: tuple[tuple[int, int, int, int], str] | None = field(default=None, init=False, repr=False)

    def fingerprint(self) -> str:
        """The keyed hash of the file as it is now.

        Raises:
            DataError: the file cannot be read.
        """
        try:
            status = self.path.stat()
        except OSError:
            raise DataError(
                "the data file is not there.", where=self.path.name, remedy="Set `data` in site.toml."
            ) from None
        # whoever sets the time of modification back cannot set that of the change
        state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        if self._known is None or self._known[0] != state:
            self._known = (state, fingerprint(self.path, self.secret))
        return self._known[1]

    def read(self, variables: Sequence[Variable]) -> Table:
        """Reads the columns of these variables; see `read_columns`."""
        return read_columns(self.path, variables)


def _number_groups(file: DataFile, name: str, k: int) -> None:
    text = file.text(name)
    present = f"SELECT DISTINCT {text} FROM data WHERE ({text}) IS NOT NULL ORDER BY 1"  # noqa: S608 -- our own names only
    file.query(f"CREATE TYPE groups{k} AS ENUM ({present})")


def _value(file: DataFile, variable: Variable, k: int) -> str:
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


def _check(table: Table, variable: Variable) -> None:
    """Every value fits its variable.

    Raises:
        DataError: one does not; the first such row is named.
    """
    if variable.type == "group":
        return
    if variable.type == "factor":
        unknown = table.codes[variable.name] == _UNKNOWN_LEVEL
        _refuse(unknown, variable, "a level that the dictionary lacks", _LEVELS)
        return
    values = table.numbers[variable.name]
    remedy = f"Mend it, or leave the field empty where the value is missing. {_NUMERALS}"
    _refuse(np.isinf(values), variable, "something that is not a finite number", remedy)
    if variable.type == "integer":
        beyond = np.abs(values) > LARGEST_WHOLE
        _refuse(beyond, variable, "a whole number that is too large to be kept exactly", _GROUP)
        _refuse(np.floor(values) < values, variable, "a fraction", "Make the variable a `number` in the dictionary.")
    if variable.range is not None:
        low, high = variable.range
        outside = (values < low) | (values > high)
        _refuse(outside, variable, "a value outside the dictionary's range", "Mend it, or agree on a wider range.")


def _refuse(bad: NDArray[np.bool_], variable: Variable, what: str, remedy: str) -> None:
    if bad.any():
        row = int(bad.argmax()) + 1
        raise DataError(f"row {row} holds {what}.", where=f"column `{variable.name}`", remedy=remedy, code="bad_value")
