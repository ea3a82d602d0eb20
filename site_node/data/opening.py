"""A site's rows, wherever they are, for the commands that look at them once."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from site_node.data.reading import FileColumns, open_columns

if TYPE_CHECKING:
    from site_node.data.database import Query

Place: TypeAlias = "Path | Query"
"""A CSV or Parquet file, or a query on a database."""


@contextmanager
def open_rows(place: Place) -> Iterator[FileColumns]:
    """The columns of a file, or of the rows that a query gives now.

    Raises:
        DataError: they cannot be read.
    """
    if isinstance(place, Path):
        with open_columns(place) as columns:
            yield columns
        return
    from site_node.data.snapshot import take  # noqa: PLC0415 -- SQLAlchemy: sites with files start sooner without it

    rows = take(place)
    with closing(rows.connection):
        yield FileColumns(rows)
