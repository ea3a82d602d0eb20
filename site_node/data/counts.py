"""How many units a design tells apart: what the policy judges, and what never leaves.

Rows are counted in runs that the processor keeps near, and nothing as large as a column is made on the way; counting the
privacy units of several rows takes a column or two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.dictionary import Variable
from shared.parameters import Vector
from site_node.data.median import upper_median
from site_node.data.response import Mask
from site_node.data.table import Table

MOST_VALUES = 10
"""A number with at most so many different values at a site is judged value by value, as a factor is."""
SAME = 1e-6
"""Values of a column within this part of its largest number count as the same one."""
_FIRST = 1000
"""So many rows show that a number has many values."""
_RUN = 1 << 15

Kinds = NDArray[np.uint8]
"""Which outcomes each row has: bit j is set where it has outcome j."""
Unit = NDArray[np.int64]
"""The number of each row's privacy unit, from 0. Where there is none, every row is a unit."""


@dataclass(frozen=True)
class LevelCounts:
    """How many units have each level of a factor, each of a number's few values, or a column's commonest value and others."""

    name: str
    units: tuple[int, ...]
    outcomes: tuple[tuple[int, ...], ...] = ()
    """Units of each outcome within each level."""


@dataclass(frozen=True)
class Counts:
    """What the policy must judge."""

    rows: int
    """Rows that carry weight."""
    parameters: int
    """Entries of psi."""
    groups: tuple[int, ...] = ()
    """Groups of each grouping factor inside the site."""
    levels: tuple[LevelCounts, ...] = ()
    outcomes: tuple[int, ...] = ()
    """Units of each outcome, where the response has outcomes to tell apart."""
    units: int | None = None
    """Privacy units of those rows; as many as rows unless given."""
    cells: tuple[tuple[int, ...], ...] = ()
    """Units in each combination of levels and few values that a column of several factors crosses."""


@dataclass(frozen=True)
class Units:
    """The rows among which something is counted, and the outcomes they have."""

    among: Mask | None
    """Which rows of a column; all of them unless given."""
    kinds: Kinds
    """Of the rows among which is counted."""
    outcomes: int
    unit: Unit | None = None
    """Of the rows among which is counted."""

    @classmethod
    def of(cls, outcomes: Sequence[Mask], among: Mask, unit: Unit | None = None) -> "Units":
        """The units of these outcomes among some of the rows."""
        kinds = np.zeros(len(among), dtype=np.uint8)
        for j, outcome in enumerate(outcomes):
            kinds |= np.left_shift(outcome, j, dtype=np.uint8)
        if among.all():
            return cls(None, kinds, len(outcomes), unit)
        return cls(among, kinds[among], len(outcomes), None if unit is None else unit[among])

    def by_value(self, variable: Variable, table: Table) -> LevelCounts | None:
        """Those that have each level of a factor, or each of a number's few values; None when it has many."""
        found = self._codes(variable, table)
        return None if found is None else self.by_code(variable.name, *found)

    def by_cell(self, variables: Sequence[Variable], table: Table) -> tuple[int, ...]:
        """Those that have each combination of levels and few values that there is; of what has many values none counts."""
        cell = np.zeros(len(self.kinds), dtype=np.int64)
        for variable in variables:
            found = self._codes(variable, table)
            if found is not None:
                _, cell = np.unique(cell * found[1] + found[0], return_inverse=True)
        return tuple(units_in(cell, int(cell.max()) + 1, self.unit).tolist())

    def by_column(self, name: str, column: Vector) -> LevelCounts | None:
        """Those that have the commonest value of a column, and the others.

        None when it has one value only, or none in half of the rows: the two values that a column of few has are judged,
        and where it has many nobody is singled out by the commonest.
        """
        others = _unlike_the_commonest(self._of(column))
        return None if others is None else self.by_code(name, others, 2)

    def _of(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self.among is None else values[self.among]

    def _codes(self, variable: Variable, table: Table) -> tuple[NDArray[Any], int] | None:
        """The place of each row's level or value, and how many there can be; None of a number with many."""
        if variable.type == "factor":
            return self._of(table.codes[variable.name]), len(variable.levels)
        return _few_values(self._of(table.numbers[variable.name])) if variable.name in table.numbers else None

    def by_code(self, name: str, codes: NDArray[Any], levels: int) -> LevelCounts:
        """Those that have each of so many codes."""
        if self.unit is not None:
            return self._once_each(name, codes, levels, self.unit)
        kinds = 1 << self.outcomes
        cells = np.zeros(levels * kinds, dtype=np.int64)
        for rows in _runs(len(codes)):
            cells += np.bincount(codes[rows].astype(np.int64) * kinds + self.kinds[rows], minlength=len(cells))
        table = cells.reshape(levels, kinds)
        has = np.arange(kinds)[:, np.newaxis] >> np.arange(self.outcomes) & 1
        outcomes = tuple(tuple(row) for row in (table @ has).tolist()) if self.outcomes else ()
        return LevelCounts(name, tuple(table.sum(axis=1).tolist()), outcomes)

    def _once_each(self, name: str, codes: NDArray[Any], levels: int, unit: Unit) -> LevelCounts:
        """A unit counts once in every level and cell that any of its rows is in."""
        having = [(self.kinds >> j & 1).astype(bool) for j in range(self.outcomes)]
        by_outcome = [units_in(codes[rows], levels, unit[rows]).tolist() for rows in having]
        return LevelCounts(name, tuple(units_in(codes, levels, unit).tolist()), tuple(zip(*by_outcome, strict=True)))


def units_in(codes: NDArray[Any], levels: int, unit: Unit | None) -> NDArray[np.int64]:
    """How many units have a row of each code, (levels,)."""
    if unit is None or len(codes) == 0:
        return np.bincount(codes, minlength=levels)
    most = int(unit.max()) + 1
    return np.bincount(np.unique(codes.astype(np.int64) * most + unit) // most, minlength=levels)


def by_unit(values: Vector, unit: Unit | None) -> Vector:
    """The sum of the rows' values over each unit."""
    return values if unit is None else np.bincount(unit, weights=values).astype(np.float64, copy=False)


def value_counts(variable: Variable, table: Table, unit: Unit | None = None) -> LevelCounts:
    """How many units have each level of a factor, or each of a number's few values; none when it has many."""
    present = ~table.missing(variable.name)
    return Units.of((), present, unit).by_value(variable, table) or LevelCounts(variable.name, ())


def _few_values(values: Vector) -> tuple[NDArray[np.uint8], int] | None:
    """The place of each row's value among the different ones in ascending order, and how many there are, if few."""
    different = np.unique(values[:_FIRST]).tolist()
    codes = np.empty(len(values), dtype=np.uint8)
    for rows in _runs(len(values)):
        part, code = values[rows], codes[rows]
        unknown, k = np.ones(len(part), dtype=bool), 0
        while unknown.any():
            if k == len(different):
                different.append(float(part[unknown.argmax()]))
            if len(different) > MOST_VALUES:
                return None
            same = part == different[k]
            np.putmask(code, same, k)
            unknown &= ~same
            k += 1
    places = np.argsort(np.argsort(different)).astype(np.uint8)
    return places[codes], len(different)


def _unlike_the_commonest(values: Vector) -> Mask | None:
    """Where a column has another than its commonest value; None when it has one value only, or none in half of the rows.

    A value that half of the rows have is the median.
    """
    scale = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    if scale == 0.0:
        return None
    middle = upper_median(values) / scale
    others = np.empty(len(values), dtype=bool)
    for rows in _runs(len(values)):
        np.greater(np.abs(values[rows] / scale - middle), SAME, out=others[rows])
    return others if 0 < 2 * np.count_nonzero(others) <= len(values) else None


def _runs(rows: int) -> Iterator[slice]:
    return (slice(first, first + _RUN) for first in range(0, rows, _RUN))
