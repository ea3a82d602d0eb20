"""One coordinator a database: a lock on a file beside it, which the system lets go of when the process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import SettingsError


@contextmanager
def sole_use(database: Path) -> Iterator[None]:
    """Nobody else gets the sole use of a SQLite file inside the block.

    The lock is not on the database itself: to close that file would drop the locks that SQLite has on it.

    Raises:
        SettingsError: another coordinator has it, or the file beside it cannot be locked.
    """
    real = database.resolve()
    beside = real.with_name(f"{real.name}.lock")
    try:
        lock = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(beside, error) from None
    try:
        _take(lock, database, beside)
        yield
    finally:
        os.close(lock)


def _take(lock: int, database: Path, beside: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SettingsError(
            f"another coordinator uses the database: {database}.",
            where="database",
            remedy="Stop it first, or give this one a database of its own.",
        ) from None
    except OSError as error:
        raise _unusable(beside, error) from None


def _unusable(beside: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"the file that keeps other coordinators from the database cannot be locked ({error.strerror}): {beside}.",
        where="database",
        remedy="Let the coordinator's user write it, and keep the database on a file system that has locks.",
    )
