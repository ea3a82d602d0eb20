"""How much of a site's budget is spent, read from the history beside the server that writes it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from shared.errors import StoreError

_SECONDS = 10.0
"""That the server may hold the file."""
_QUERY = """
SELECT count(*) FROM specifications
WHERE begun > ? AND fingerprint = (SELECT fingerprint FROM specifications ORDER BY begun DESC LIMIT 1)
"""


def spent(path: Path, since: float) -> int:
    """How many specifications were first asked since then, of the data as they were when one was asked last.

    Raises:
        StoreError: the file cannot be read.
    """
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=_SECONDS, uri=True)) as connection:
            (number,) = connection.execute(_QUERY, (since,)).fetchone()
    except sqlite3.Error as error:
        raise StoreError(
            f"what was asked of the site cannot be read ({error}).",
            where=str(path),
            remedy="Let its reader be the site's user, and start the site, which says what is wrong with it.",
        ) from None
    return int(number)
