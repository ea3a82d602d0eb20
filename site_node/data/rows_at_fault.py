"""Rows that do not fit a model: the first is told by its number, and never by what stands in it."""

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from site_node.data.table import Table


class RowError(DataError):
    """A value that the model computes does not fit in some row.

    Which row it is tells something about that row to whoever chose what is computed. So the number is in the text that
    the site's own people read, and not in the message that leaves.
    """

    def __init__(self, message: str, *, row: int, where: str, remedy: str, code: str) -> None:
        self.row = row
        super().__init__(message, where=where, remedy=remedy, code=code)

    def __str__(self) -> str:
        """Where, what, what to do, and in which row."""
        return f"{super().__str__()} The first such row: {self.row}."


def refuse_rows(
    bad: NDArray[np.bool_], table: Table, what: str, *, where: str, remedy: str, code: str, computed: bool
) -> None:
    """Lets a table pass without bad rows.

    Args:
        bad: the rows that do not fit.
        table: the rows.
        what: what such a row holds.
        where: the column, or the part of the model.
        remedy: what to do.
        code: the stable name.
        computed: whether the values were computed as a formula says, rather than read as they stand in the file.

    Raises:
        DataError: some do not fit.
    """
    if not bad.any():
        return
    row = table.row_number(int(bad.argmax()))
    if computed:
        raise RowError(f"a row holds {what}.", row=row, where=where, remedy=remedy, code=code)
    raise DataError(f"row {row} holds {what}.", where=where, remedy=remedy, code=code)
