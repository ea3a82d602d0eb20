"""A specification and a table make a design: blocks of X, Z, y, and the counts that the policy judges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.dictionary import SITE, Dictionary, Variable
from shared.errors import DataError
from shared.formula.expressions import Column, variables_of
from shared.parameters import Matrix, Vector
from shared.specification import CountsResponse, EventResponse, Specification
from site_node.data.columns import finite_column, finite_values
from site_node.data.response import Observed, observe
from site_node.data.sources import Table
from site_node.estimation.rows import Index, Rows


@dataclass(frozen=True)
class LevelCounts:
    """How many units each level of a factor has at this site. A column of zeros and ones is a factor of two levels."""

    name: str
    units: tuple[int, ...]
    outcomes: tuple[tuple[float, float], ...] = ()
    """Binary outcomes: the events and the non-events within each level."""


@dataclass(frozen=True)
class Counts:
    """What the policy must judge, and what never leaves."""

    rows: int
    """Rows that carry weight."""
    columns: int
    """Columns of X."""
    groups: int | None = None
    """Groups of an in-site grouping factor; none for `site` or without a random term."""
    levels: tuple[LevelCounts, ...] = ()
    outcomes: tuple[float, float] | None = None
    """Binary outcomes: events and non-events."""


@dataclass(frozen=True)
class SiteDesign:
    """The rows of a site as numbers."""

    rows: Rows
    dropped: int
    """Rows with a missing value in a variable of the model."""
    counts: Counts


def variables_in(specification: Specification, dictionary: Dictionary) -> tuple[Variable, ...]:
    """The variables that a specification reads, in the dictionary's order.

    Raises:
        DictionaryError: the dictionary lacks one.
    """
    names: set[str] = set()
    match specification.response:
        case CountsResponse(successes=successes, failures=failures):
            names |= variables_of(successes) | variables_of(failures)
        case EventResponse(variable=variable):
            names.add(variable)
        case numeric:
            names |= variables_of(numeric.expression)
    for column in _columns(specification):
        names = names.union(*(variables_of(factor) for factor in column.factors))
    if specification.offset is not None:
        names |= variables_of(specification.offset)
    if specification.weights is not None:
        names.add(specification.weights)
    grouping = _grouping(specification)
    if grouping is not None:
        names.add(grouping)
    found = {name: dictionary[name] for name in names}
    return tuple(variable for variable in dictionary.variables if variable.name in found)


def build(specification: Specification, dictionary: Dictionary, table: Table) -> SiteDesign:
    """The design of a site. Rows with a missing value in a variable of the model are dropped and counted.

    Raises:
        DataError: a column cannot be computed, the response is not what the family allows, or no row is left.
        DictionaryError: the dictionary lacks a variable.
    """
    kept = _complete_rows(variables_in(specification, dictionary), table)
    grouping = _grouping(specification)
    if grouping is not None:
        # sorted here, column by column, so that the matrices need not be copied to be sorted
        kept = kept[np.argsort(_codes(grouping, table)[kept], kind="stable")]
    complete = table if len(kept) == table.rows and grouping is None else table.select(kept)
    observed = observe(specification, complete, dictionary)
    rows = Rows.sorted_by_group(
        X=_matrix(specification.fixed, complete, dictionary),
        Z=_matrix(specification.random.columns if specification.random else (), complete, dictionary),
        y=observed.y,
        weight=observed.weight,
        offset=_offset(specification, complete, dictionary),
        group=None if grouping is None else _codes(grouping, complete),
    )
    return SiteDesign(rows, table.rows - len(kept), _count(specification, dictionary, complete, rows, observed))


def level_counts(name: str, codes: Index, levels: int, observed: Observed | None = None) -> LevelCounts:
    """Units, and for binary outcomes events and non-events, in each level of a factor coded 0, 1, ...

    Rows of no weight are not counted.
    """
    if observed is None:
        return LevelCounts(name, tuple(np.bincount(codes, minlength=levels).tolist()))
    carrying = (observed.weight > 0).astype(np.float64)
    units = tuple(int(count) for count in np.bincount(codes, carrying, levels))
    if observed.events is None or observed.non_events is None:
        return LevelCounts(name, units)
    events = np.bincount(codes, observed.events, levels).tolist()
    non_events = np.bincount(codes, observed.non_events, levels).tolist()
    return LevelCounts(name, units, tuple(zip(events, non_events, strict=True)))


def _grouping(specification: Specification) -> str | None:
    """The column inside the site that groups its rows, if one does."""
    random = specification.random
    return None if random is None or random.group == SITE else random.group


def _columns(specification: Specification) -> tuple[Column, ...]:
    return specification.fixed + (specification.random.columns if specification.random else ())


def _complete_rows(variables: Sequence[Variable], table: Table) -> Index:
    keep = np.ones(table.rows, dtype=bool)
    for variable in variables:
        keep &= ~table.missing(variable.name)
    if not keep.any():
        raise DataError(
            "every row has a missing value in a variable of the model.",
            where="the data",
            remedy="Leave out the variable that this site did not collect, or leave out the site.",
            code="no_rows",
        )
    return np.flatnonzero(keep)


def _codes(grouping: str, table: Table) -> Index:
    """The groups of a grouping factor: a group variable, a factor, or a number whose every value is a group."""
    if grouping in table.groups:
        return table.groups[grouping]
    if grouping in table.codes:
        return table.codes[grouping].astype(np.int64)
    return np.unique(table.numbers[grouping], return_inverse=True)[1].astype(np.int64)


def _matrix(columns: Sequence[Column], table: Table, dictionary: Dictionary) -> Matrix:
    matrix = np.zeros((table.rows, len(columns)))
    for k, column in enumerate(columns):
        matrix[:, k] = finite_column(column, table, dictionary)
    return matrix


def _offset(specification: Specification, table: Table, dictionary: Dictionary) -> Vector:
    if specification.offset is None:
        return np.zeros(table.rows)
    return finite_values(specification.offset, table, dictionary, "the offset")


def _count(
    specification: Specification, dictionary: Dictionary, table: Table, rows: Rows, observed: Observed
) -> Counts:
    levels = [
        level_counts(name, table.codes[name].astype(np.int64), len(dictionary[name].coded_levels), observed)
        for name in _factors_in(specification, dictionary)
    ]
    for k, column in enumerate(specification.fixed):
        values = rows.X[:, k]
        if column.factors and ((values == 0) | (values == 1)).all():
            levels.append(level_counts(column.name, values.astype(np.int64), 2, observed))
    outcomes = None
    if observed.events is not None and observed.non_events is not None:
        outcomes = (float(observed.events.sum()), float(observed.non_events.sum()))
    return Counts(
        rows=int((observed.weight > 0).sum()),
        columns=rows.X.shape[1],
        groups=None if _grouping(specification) is None else rows.groups,
        levels=tuple(levels),
        outcomes=outcomes,
    )


def _factors_in(specification: Specification, dictionary: Dictionary) -> list[str]:
    """The factors of the design columns. Not all of their levels can be seen in the columns themselves."""
    factors = [factor for column in _columns(specification) for factor in column.factors]
    names = {name for factor in factors for name in variables_of(factor)}
    return sorted(name for name in names if dictionary[name].type == "factor")
