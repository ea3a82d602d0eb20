"""The rows of a query, as they were at one moment, in an order that is their own and not the database's.

They are held in memory and never on a disk. The order follows from what the rows say, so that their fingerprint and the last
bits of a sum over them do not depend on the order in which a database happens to return them.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from site_node.data.cells import Kind, column_of
from site_node.data.database import Query, Rows, selected
from site_node.data.database_faults import DatabaseError
from site_node.data.relation import LOCKED_DOWN, Relation, check_unique

PLACE = "the query's rows"


class Snapshot(Relation):
    """Rows that were read. A row is told by its place in what the query gave."""

    @property
    def position(self) -> str:
        """SQL for a row's place in what the query gave, from 0."""
        return "place"

    def in_own_connection(self) -> "Snapshot":
        """The same rows, for use beside others in another thread."""
        return Snapshot(self.place, self.names, self.types, self.connection.cursor())

    def fingerprint(self, secret: bytes) -> str:
        """The keyed hash of the columns' names and all rows; the same for the same rows in any order."""
        keyed = hmac.new(secret, json.dumps([self.names, self.types]).encode(), hashlib.sha256)
        for k, kind in enumerate(self.types):
            for part in _digested(f"c{k}", kind):
                fetched = self.query(f"SELECT {part} AS v FROM data").fetchnumpy()["v"]  # noqa: S608 -- our own names only
                keyed.update(
                    np.ascontiguousarray(fetched).astype(fetched.dtype.newbyteorder("<"), copy=False).tobytes()
                )
        return keyed.hexdigest()


def take(query: Query) -> Snapshot:
    """Reads all rows of a query.

    Raises:
        DatabaseError: the database cannot be read, or the query gives no rows.
        DataError: two columns have one name, or a column holds no numbers or texts, or more than one of these.
    """
    connection = duckdb.connect(":memory:", config=LOCKED_DOWN | {"temp_directory": ""})
    with selected(query) as (names, batches):
        check_unique(names, PLACE, "Name them with AS in the query.")
        kinds = _fill(connection, names, batches)
    in_order = ", ".join(f"c{k}" for k in range(len(names)))
    relation = Snapshot(PLACE, names, tuple(kind or "VARCHAR" for kind in kinds), connection)
    relation.query(f"CREATE TABLE data AS SELECT * FROM arrived ORDER BY {in_order}, place")  # noqa: S608 -- our own names only
    relation.query("DROP TABLE arrived")
    return relation


def _fill(connection: duckdb.DuckDBPyConnection, names: tuple[str, ...], batches: Iterator[Rows]) -> list[Kind | None]:
    """Fills the table `arrived`; a column's type follows as soon as a value shows it."""
    columns = [f"c{k}" for k in range(len(names))]
    kinds: list[Kind | None] = [None] * len(names)
    declared = ", ".join(f"{column} VARCHAR" for column in columns)
    connection.execute(f"CREATE TABLE arrived (place BIGINT, {declared})")
    rows = 0
    for batch in batches:
        arrays: dict[str, NDArray[Any]] = {"place": np.arange(rows, rows + len(batch))}
        for k, values in enumerate(zip(*batch, strict=True)):
            kind, arrays[columns[k]] = column_of(values, kinds[k], names[k], rows + 1)
            if kind != kinds[k]:
                connection.execute(f"ALTER TABLE arrived ALTER {columns[k]} TYPE {kind}")
                kinds[k] = kind
        _append(connection, arrays)
        rows += len(batch)
    if rows == 0:
        raise DatabaseError(
            "the query gives no rows.", remedy="Mend `query` in site.toml, or wait until there are some."
        )
    return kinds


def _append(connection: duckdb.DuckDBPyConnection, arrays: dict[str, NDArray[Any]]) -> None:
    connection.register("batch", arrays)
    try:
        connection.execute("INSERT INTO arrived SELECT * FROM batch")
    except duckdb.Error:
        raise DataError(
            "the machine's memory is not enough to hold them.", where=PLACE, remedy="Read fewer rows or columns."
        ) from None
    finally:
        connection.unregister("batch")


def _digested(column: str, kind: str) -> tuple[str, ...]:
    """SQL for numbers that stand for a column's values: all of their bits, of a text 128 of its hash."""
    missing = f"({column} IS NULL)"
    if kind == "VARCHAR":
        return missing, f"coalesce(md5_number_lower({column}), 0)", f"coalesce(md5_number_upper({column}), 0)"
    return missing, f"coalesce({column}, 0)" if kind != "BOOLEAN" else f"coalesce({column}, false)"
