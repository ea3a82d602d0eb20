"""Values that a database's driver gives, as columns of one type each. What has no one meaning is refused, never guessed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError

Kind: TypeAlias = Literal["BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR"]
"""DuckDB's name of what a column holds."""

_PLAIN: dict[type, Kind] = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
_CALLED: dict[Kind, str] = {
    "BOOLEAN": "a truth value",
    "BIGINT": "a whole number",
    "DOUBLE": "a number",
    "VARCHAR": "a text",
}
_CAST = "CAST the column to one type in the query, or leave it out."


def column_of(values: Sequence[Any], known: Kind | None, name: str, first: int) -> tuple[Kind | None, NDArray[Any]]:
    """The values of a column in a batch, and what the column holds as far as is known by now.

    A truth value counts as 0 or 1; a decimal number without decimals is a whole number, another one the nearest double; a date is
    the text YYYY-MM-DD, a moment with a time zone is that in UTC. None is missing.

    Args:
        values: as the driver gives them.
        known: what the column held in earlier batches; None if nothing yet.
        name: the column's.
        first: the row, from 1, of the first value.

    Returns:
        The kind (None: all are missing) and an array of it, a masked one or one of objects where a value can be missing.

    Raises:
        DataError: a value is of a kind that a column cannot hold, or of another than those before. The row is named.
    """
    kind = known
    types = set(map(type, values)) - {type(None)}
    if known is None or Decimal in types or {_PLAIN.get(one) for one in types} != {known}:  # else nothing new is told
        for row, value in enumerate(values, first):
            if value is not None:
                kind = _joined(kind, _kind_of(value, name, row), name, row)
    cells = np.array([*values, None], dtype=object)[:-1]  # the last keeps NumPy from looking into the others
    missing = np.array([value is None for value in values])
    match kind:
        case "BOOLEAN" | "BIGINT":
            whole = _whole(np.where(missing, 0, cells), name)
            return kind, np.ma.masked_array(whole.astype(bool) if kind == "BOOLEAN" else whole, mask=missing)
        case "DOUBLE":
            numbers = np.where(missing, np.nan, cells).astype(np.float64)
            return kind, np.ma.masked_array(numbers + 0.0, mask=missing)  # no two zeros
        case _:
            return kind, cells if types <= {str} else np.array([_text(value) for value in cells], dtype=object)


def _whole(cells: NDArray[Any], name: str) -> NDArray[np.int64]:
    try:
        return cells.astype(np.int64)
    except OverflowError:
        raise DataError(
            "a whole number is beyond 64 bits.",
            where=f"column `{name}`",
            remedy="CAST an identifier to text in the query.",
        ) from None


def _kind_of(value: Any, name: str, row: int) -> Kind:
    match value:
        case bool():
            return "BOOLEAN"
        case int():
            return "BIGINT"
        case float():
            return "DOUBLE"
        case Decimal():
            return "BIGINT" if value.as_tuple().exponent == 0 else "DOUBLE"
        case str() | date() | time() | UUID():
            return "VARCHAR"
    raise DataError(
        f"row {row} holds what is neither a number nor a text ({type(value).__name__}).",
        where=f"column `{name}`",
        remedy=_CAST,
    )


def _joined(known: Kind | None, kind: Kind, name: str, row: int) -> Kind:
    if known is None or known == kind:
        return kind
    if {known, kind} == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    raise DataError(
        f"row {row} holds {_CALLED[kind]}, and a row before it {_CALLED[known]}.",
        where=f"column `{name}`",
        remedy=_CAST,
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)
