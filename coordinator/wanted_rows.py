"""Which rows of the SQL store are of analyses that somebody wants to see."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sql

from coordinator.tables import ANALYSES
from coordinator.wanted import Wanted

_DAY = sql.func.substr(ANALYSES.c.created_at, 1, len("2026-01-31"))


def conditions(wanted: Wanted, dialect: str) -> Iterator[sql.ColumnElement[bool]]:
    """What `wanted_records.fits` says, as a database does.

    Args:
        wanted: which analyses.
        dialect: of the database, by SQLAlchemy's name.
    """
    if wanted.state is not None:
        yield ANALYSES.c.state == wanted.state.value
    if wanted.who is not None:
        yield ANALYSES.c.owner == wanted.who
    if wanted.formula is not None:
        yield _formula(dialect).icontains(wanted.formula, autoescape=True)
    if wanted.since is not None:
        yield wanted.since.isoformat() <= _DAY
    if wanted.until is not None:
        yield wanted.until.isoformat() >= _DAY


def _formula(dialect: str) -> sql.ColumnElement[str]:
    """It stands in the request. SQLite reads JSON in a text as it is, and others in a value of that type.

    PostgreSQL reads nothing of a JSON in which a NUL stands, as in the title of a request that an earlier version took.
    """
    request: sql.ColumnElement[Any] = (
        sql.type_coerce(ANALYSES.c.request, sql.JSON)
        if dialect == "sqlite"
        else sql.cast(sql.func.replace(ANALYSES.c.request, r"\u0000", r"\ufffd"), sql.JSON)
    )
    formula: sql.ColumnElement[str] = request["formula"].as_string()
    return formula
