"""Columns of a site's data as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.dictionary import Variable
from shared.parameters import Vector
from site_node.estimation.rows import Index

Codes = NDArray[np.int32]
Places = NDArray[np.integer[Any]]
"""Where rows stand in a table."""

_RUN = 1 << 15


@dataclass(frozen=True)
class Table:
    """Some columns of a data file, in the order of its rows."""

    rows: int
    numbers: Mapping[str, Vector]
    """number and integer: NaN where missing."""
    codes: Mapping[str, Codes]
    """factor: positions in the variable's coded levels, -1 where missing."""
    groups: Mapping[str, Index]
    """group: any number for each of the column's values, -1 where missing."""
    origin: Places | None = None
    """Where each row stands in the file; in the file's order unless given."""

    def missing(self, name: str) -> NDArray[np.bool_]:
        """In which rows a variable is missing."""
        if name in self.numbers:
            return np.isnan(self.numbers[name])
        return np.asarray((self.codes[name] if name in self.codes else self.groups[name]) < 0)

    def complete(self, variables: Sequence[Variable]) -> NDArray[np.bool_]:
        """In which rows none of these variables is missing."""
        whole = np.ones(self.rows, dtype=bool)
        for variable in variables:
            whole &= ~self.missing(variable.name)
        return whole

    def read(self, variables: Sequence[Variable]) -> "Table":  # noqa: ARG002 -- those of a table are all there
        """The table itself: it serves as columns that were read before."""
        return self

    def at_once(self, variables: int) -> int:
        """All of them."""
        return variables

    def select(self, rows: Places) -> "Table":
        """These rows, in this order."""
        return Table(
            len(rows),
            {name: _taken(values, rows) for name, values in self.numbers.items()},
            {name: _taken(values, rows) for name, values in self.codes.items()},
            {name: _taken(values, rows) for name, values in self.groups.items()},
            rows if self.origin is None else self.origin[rows],
        )

    def row_number(self, position: int) -> int:
        """The number of a row in the file; the first one below the header is 1."""
        return (position if self.origin is None else int(self.origin[position])) + 1


class Columns(Protocol):
    """The columns of a site's data, to be read a few at a time, all as they were at one moment."""

    def read(self, variables: Sequence[Variable]) -> Table:
        """At least the columns of these variables."""
        ...

    def complete(self, variables: Sequence[Variable]) -> NDArray[np.bool_]:
        """In which rows none of these variables is missing."""
        ...

    def at_once(self, variables: int) -> int:
        """How many columns should be read at once, of so many."""
        ...


def _taken(values: NDArray[Any], rows: Places) -> NDArray[Any]:
    """The values of these rows, in runs: NumPy makes a copy of places that are not of 64 bits."""
    taken = np.empty(len(rows), dtype=values.dtype)
    for first in range(0, len(rows), _RUN):
        run = slice(first, first + _RUN)
        taken[run] = values[rows[run]]
    return taken
