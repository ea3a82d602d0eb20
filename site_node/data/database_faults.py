"""What goes wrong with a hospital's database, in words that quote no cell and no password."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from shared.errors import DataError

_PLACE = "the database"
_SQLITE_NAME = re.compile(r"no such (table|column): (.+)", re.DOTALL)
_OF_THE_QUERY = "42"
"""The class of SQLSTATE whose words quote the query and no row."""
_LONGEST_DETAIL = 300
_QUERY = "Mend `query` in site.toml; try it in the database's own client."
_FAULTS = {
    "42P01": ("the query names a table that is not there.", _QUERY),
    "42703": ("the query names a column that is not there.", _QUERY),
    "42501": (
        "the database's user may not read what the query names.",
        "Let whoever runs the database GRANT SELECT on it, and nothing more.",
    ),
    "0A000": ("the query is no plain SELECT.", _QUERY),
    "25006": ("the query would change the database, and it is only read here.", _QUERY),
    "SQLITE_READONLY": ("the query would change the database, and it is only read here.", _QUERY),
    "SQLITE_ERROR": ("the query is not one that the database can carry out.", _QUERY),
    "SQLITE_NOTADB": ("the file is no SQLite database.", "Set `url` in site.toml to one."),
}
"""By SQLSTATE or SQLite's name of the fault."""


class DatabaseError(DataError):
    """The database cannot be read.

    The message leaves the site; what it is about in particular stands in the text that the site's own people read.
    """

    def __init__(self, message: str = "", *, remedy: str = "", detail: str = "") -> None:
        self.detail = detail
        super().__init__(message, where=_PLACE, remedy=remedy)

    def __str__(self) -> str:
        """Where, what, what to do, and what in particular."""
        return f"{super().__str__()} ({self.detail})" if self.detail else super().__str__()


@contextmanager
def connecting(place: str) -> Iterator[None]:
    """Says why a database lets nobody in.

    Args:
        place: the database, without its password.

    Raises:
        DatabaseError: it cannot be reached, or does not let in.
    """
    try:
        yield
    except DBAPIError as error:
        connection = getattr(error.orig, "pgconn", None)
        if getattr(connection, "needs_password", False):
            message = "it asks for a password, and none is set."
            remedy = "Set `password_file` or `password_env` in site.toml."
        elif getattr(connection, "used_password", False):
            message = "it does not let in: the user, the password or the database's name is wrong."
            remedy = "Compare `url` in site.toml and the password with what whoever runs the database says."
        else:
            message = "it cannot be reached, or lets nobody in from here."
            remedy = "Does it run, is `url` in site.toml right, and may this machine and this user connect?"
        raise DatabaseError(message, remedy=remedy, detail=place) from None


@contextmanager
def told(place: str) -> Iterator[None]:
    """Turns an error of SQLAlchemy's or a driver's into one in words; their own text may quote a row.

    Args:
        place: the database, without its password.

    Raises:
        DatabaseError: the database cannot be read.
    """
    try:
        yield
    except (ModuleNotFoundError, NoSuchModuleError):
        raise DatabaseError(
            "there is no driver for its kind.",
            remedy="Install one in fedglmm's environment; for PostgreSQL, `pip install '.[postgresql]'` and a URL that begins "
            "with postgresql+psycopg://.",
            detail=place,
        ) from None
    except DBAPIError as error:
        raise _of_query(error) from None
    except SQLAlchemyError as error:
        remedy = "Mend `[source]` in site.toml."
        raise DatabaseError(f"it cannot be read ({type(error).__name__}).", remedy=remedy, detail=place) from None


def _of_query(error: DBAPIError) -> DatabaseError:
    driver = error.orig
    if named := _SQLITE_NAME.fullmatch(str(driver)):
        return DatabaseError(f"the query names a {named[1]} that is not there.", remedy=_QUERY, detail=_short(named[2]))
    name = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None) or type(driver).__name__
    if name in _FAULTS or name.startswith(_OF_THE_QUERY):
        message, remedy = _FAULTS.get(name, _FAULTS["SQLITE_ERROR"])
        said = getattr(getattr(driver, "diag", None), "message_primary", None)
        return DatabaseError(message, remedy=remedy, detail=_short(said or ""))
    return DatabaseError(
        "the query was not carried out to its end.",
        remedy="Try it in the database's own client: does it compute something that cannot be computed in every row, is a text "
        "not in UTF-8, or did the connection break?",
        detail=name,
    )


def _short(text: str) -> str:
    return text[:_LONGEST_DETAIL]
