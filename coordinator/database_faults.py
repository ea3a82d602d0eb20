"""What goes wrong with a database in use, in words: whether it may pass, and never what was to be written or read."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.errors import StoreError

CONFLICT = "store_conflict"
"""The code of a StoreError: what is to be written contradicts what is stored."""
BROKEN = "store_broken"
"""The code of a StoreError that does not pass: the database is damaged."""
_REMEDIES = {
    "": "Is its disk full, or is it locked by another program?",
    CONFLICT: "Does another coordinator use the same database?",
    BROKEN: "It is damaged: stop the coordinator, and restore the database from a backup.",
}


@contextmanager
def told(done: str) -> Iterator[None]:
    """Whatever is wrong with the database becomes a StoreError, without the statement and without a value.

    Raises:
        StoreError: its code says whether the fault may pass.
    """
    try:
        yield
    except PoolTimeoutError:
        raise StoreError(
            f"the database cannot be {done}: all connections to it are in use.",
            where="database",
            remedy="Too much is asked of the coordinator at once: ask again in a moment, and one thing after the other.",
        ) from None
    except SQLAlchemyError as error:
        driver = getattr(error, "orig", None) or error
        name = getattr(driver, "sqlite_errorname", type(driver).__name__)
        raise _fault(f"the database cannot be {done} ({name}).", _code(error, name)) from None
    except ValueError:
        raise _fault("what the database holds is not what was stored.", BROKEN) from None


def _code(error: SQLAlchemyError, name: str) -> str:
    if isinstance(error, IntegrityError):
        return CONFLICT
    return "" if isinstance(error, OperationalError) and name != "SQLITE_ERROR" else BROKEN


def _fault(message: str, code: str) -> StoreError:
    return StoreError(message, where="database", remedy=_REMEDIES[code], code=code)
