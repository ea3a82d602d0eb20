"""SQLite files of a site: opened alike, for the site's user only."""

import os
import sqlite3
from pathlib import Path

_SECONDS = 10.0
"""That another process may hold the file."""


def opened(path: Path | None) -> sqlite3.Connection:
    """A connection to a file, which is made unless it is there; or to memory, where there is none.

    It may go from thread to thread, but not be in two at once. A statement is a transaction unless one is begun.

    Raises:
        OSError: the file cannot be written.
        sqlite3.Error: it cannot be opened. That it is no such file shows at the first use.
    """
    if path is not None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite3.connect(path or ":memory:", timeout=_SECONDS, isolation_level=None, check_same_thread=False)
