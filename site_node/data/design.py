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
from site_node.data.counts import Counts, count
from site_node.data.response import observe
from site_node.data.sources import Table
from site_node.estimation.rows import Index, Rows


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
    names = _names_read(specification)
    grouping = _grouping(specification)
    found = {name: dictionary[name] for name in (names if grouping is None else names | {grouping})}
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
    read = [dictionary[name] for name in sorted(_names_read(specification))]
    groups = None if grouping is None else rows.groups
    counts = count(specification, read, complete, rows, observed, groups=groups)
    return SiteDesign(rows, table.rows - len(kept), counts)


def _names_read(specification: Specification) -> frozenset[str]:
    """The variables that the response, the columns, the offset and the weights read."""
    match specification.response:
        case CountsResponse(successes=successes, failures=failures):
            names = variables_of(successes) | variables_of(failures)
        case EventResponse(variable=variable):
            names = frozenset({variable})
        case numeric:
            names = variables_of(numeric.expression)
    for column in _columns(specification):
        names = names.union(*(variables_of(factor) for factor in column.factors))
    if specification.offset is not None:
        names |= variables_of(specification.offset)
    return names if specification.weights is None else names | {specification.weights}


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
