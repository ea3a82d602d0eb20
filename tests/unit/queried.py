"""A database with rows, what a query of it gives, and what is said when it gives none."""

import sqlite3
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from shared.dictionary import Variable
from shared.errors import DataError
from site_node.data.database import Query
from site_node.data.opening import open_rows
from site_node.data.snapshot import take
from site_node.data.table import Table
from tests.postgresql import Cluster

VARIABLES = (
    Variable(name="x", type="number"),
    Variable(name="k", type="integer"),
    Variable(name="arm", type="factor", levels=("drug", "placebo"), reference="placebo"),
    Variable(name="clinic", type="group"),
)
ROWS = [
    (0.1, 1, "drug", "b"),
    (None, 2, "placebo", "a"),
    (-1.5e3, None, None, "b"),
    (18.440000000000001, 4, "placebo", None),
    (2.0, 5, "drug", "é"),
]
COLUMNS = "x double precision, k bigint, arm varchar(20), clinic varchar(20)"


@dataclass(frozen=True)
class Database:
    """A database of one kind with the rows in a table `trial`."""

    url: str
    password: SecretStr | None
    cluster: Cluster | None = None

    def query(self, text: str = "SELECT x, k, arm, clinic FROM trial") -> Query:
        return Query.of(self.url, text, self.password)

    def run(self, *statements: str) -> None:
        if self.cluster is not None:
            self.cluster.run(*statements)
            return
        with sqlite3.connect(self.url.removeprefix("sqlite:///")) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()


def inserted(row: tuple[object, ...]) -> str:
    values = ", ".join("NULL" if value is None else repr(value) for value in row)
    return f"INSERT INTO trial VALUES ({values})"  # noqa: S608 -- a test's own


def read(query: Query, variables: tuple[Variable, ...] = VARIABLES) -> Table:
    with open_rows(query) as columns:
        return columns.read(variables)


def fault(query: Query) -> DataError:
    with pytest.raises(DataError) as caught:
        take(query)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert caught.value.remedy
    return caught.value
