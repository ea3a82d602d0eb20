"""How many units a design tells apart: what the policy judges, and what never leaves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shared.dictionary import Variable
from shared.formula.expressions import variables_of
from shared.parameters import Vector
from shared.specification import CountsResponse, EventResponse, NumericResponse, Specification
from site_node.data.response import Mask, Observed
from site_node.data.sources import Table
from site_node.estimation.rows import Index, Rows

MOST_VALUES = 10
"""A number with at most so many different values at a site is judged value by value, as a factor is."""
SAME = 1e-6
"""Values of a column within this part of its largest number count as the same one."""
_FIRST = 1000
"""So many rows show that a number has many values."""


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
    groups: int | None = None
    """Groups of an in-site grouping factor; none for `site` or without a random term."""
    levels: tuple[LevelCounts, ...] = ()
    outcomes: tuple[int, ...] = ()
    """Units of each outcome, where the response has outcomes to tell apart."""


def count(
    specification: Specification,
    variables: Sequence[Variable],
    table: Table,
    rows: Rows,
    observed: Observed,
    *,
    groups: int | None,
) -> Counts:
    """The counts of a design.

    Args:
        specification: what is fitted.
        variables: those that it reads, but for the grouping factor.
        table: their values, in the order of the rows.
        rows: the design.
        observed: the response, the weights and the outcomes.
        groups: groups of an in-site grouping factor.
    """
    carrying = observed.weight > 0
    # the values of a count or a measurement are no cells; those of a binary outcome are
    judged = [one for one in variables if observed.outcomes or one.name not in _read_by_response(specification)]
    levels = [
        _within(variable.name, *found, observed.outcomes, carrying)
        for variable in judged
        if (found := _values(variable, table)) is not None
    ]
    for name, values, among in _columns(specification, rows, carrying):
        codes = _commonest_or_not(values[among])
        if codes is not None:
            everywhere = np.zeros(rows.n, dtype=np.int64)
            everywhere[among] = codes
            levels.append(_within(name, everywhere, 2, observed.outcomes, among))
    outcomes = tuple(int(outcome.sum()) for outcome in observed.outcomes)
    return Counts(int(carrying.sum()), specification.layout.size, groups, tuple(levels), outcomes)


def _read_by_response(specification: Specification) -> frozenset[str]:
    response = specification.response
    match response:
        case EventResponse():
            return frozenset({response.variable})
        case CountsResponse():
            return variables_of(response.successes) | variables_of(response.failures)
        case NumericResponse():
            return variables_of(response.expression)


def value_counts(variable: Variable, table: Table) -> LevelCounts:
    """How many rows have each level of a factor, or each of a number's few values; none when it has many."""
    present = ~table.missing(variable.name)
    found = _values(variable, table)
    return LevelCounts(variable.name, ()) if found is None else _within(variable.name, *found, (), present)


def _values(variable: Variable, table: Table) -> tuple[Index, int] | None:
    """A code for each row's value, and how many codes there are. What is missing has any code."""
    if variable.type == "factor":
        return np.maximum(table.codes[variable.name], 0).astype(np.int64), len(variable.levels)
    if variable.name not in table.numbers:
        return None
    values = table.numbers[variable.name]
    if len(np.unique(values[:_FIRST])) > MOST_VALUES + 1:  # one of them may be what is missing
        return None
    different, codes = np.unique(values, return_inverse=True)
    known = int((~np.isnan(different)).sum())
    return None if known > MOST_VALUES else (codes.astype(np.int64), len(different))


def _columns(specification: Specification, rows: Rows, carrying: Mask) -> Iterator[tuple[str, Vector, Mask]]:
    """All that a contribution is made of, by name, and the rows among which it is judged."""
    for k, column in enumerate(specification.fixed):
        yield column.name, rows.X[:, k], carrying
    for k, column in enumerate(specification.random.columns if specification.random else ()):
        yield column.name, rows.Z[:, k], carrying
        if not carrying.all():  # the start's Z'Z is a sum over all rows
            yield column.name, rows.Z[:, k], np.ones_like(carrying)
    yield "the offset", rows.offset, carrying
    yield "the weights", rows.weight, carrying
    yield "the response", rows.y, carrying


def _commonest_or_not(values: Vector) -> Index | None:
    """0 where a column has its commonest value, else 1; None when it has one value only, or none in half of the rows.

    A value that half of the rows have is the median.
    """
    scale = float(np.abs(values).max(initial=0.0))
    if scale == 0.0:
        return None
    scaled = values / scale
    middle = np.partition(scaled, len(scaled) // 2)[len(scaled) // 2]
    others = np.abs(scaled - middle) > SAME
    return others.astype(np.int64) if 0 < 2 * int(others.sum()) <= len(values) else None


def _within(name: str, codes: Index, levels: int, outcomes: Sequence[Mask], among: Mask) -> LevelCounts:
    """Units, and units of each outcome, in each level, among some of the rows."""

    def units(mask: Mask) -> list[int]:
        return [int(number) for number in np.bincount(codes[mask], minlength=levels)]

    cells = tuple(zip(*(units(outcome & among) for outcome in outcomes), strict=True))
    return LevelCounts(name, tuple(units(among)), cells)
