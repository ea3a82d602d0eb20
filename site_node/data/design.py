"""A specification and the columns of a site make a design: blocks of X, Z, y, and the counts that the policy judges.

The columns are read a few at a time; each is put in its place, counted and let go. So it takes the memory of the design and of
a few columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.dictionary import Dictionary
from shared.errors import DataError
from shared.formula.expressions import Column, variables_of
from shared.parameters import Matrix, Vector
from shared.specification import Specification
from site_node.data.batches import Batch, batches, random_columns, variables_in
from site_node.data.census import Census
from site_node.data.columns import finite_column, finite_values
from site_node.data.counts import Counts, Unit
from site_node.data.groups import check_nested, keys_of, order_by_group, units_of
from site_node.data.response import observe
from site_node.data.table import Columns, Places, Table
from site_node.estimation.rows import Rows


@dataclass(frozen=True)
class SiteDesign:
    """The rows of a site as numbers."""

    rows: Rows
    dropped: int
    """Rows with a missing value in a variable of the model, or without a privacy unit."""
    counts: Counts
    unit: Unit | None = None
    """The privacy unit of each row, where a unit may have several."""
    places: Places | None = None
    """Where each row stands in the data; in their order unless given."""

    def row_number(self, row: int) -> int:
        """The number of a row in the data, as `Table.row_number`: for the site's own log."""
        return (row if self.places is None else int(self.places[row])) + 1

    cohorts: tuple[NDArray[np.uint8], ...] = ()
    """The rows that something is a sum over, a bit for each row of the file: all of them, and those that carry weight."""


def build(specification: Specification, dictionary: Dictionary, columns: Columns) -> SiteDesign:
    """The design of a site. Rows with a missing value in a variable of the model are dropped and counted.

    Raises:
        DataError: a column cannot be read or computed, the response is not what the family allows, or no row is left.
        DictionaryError: the dictionary lacks a variable.
    """
    at_once = columns.at_once(len(variables_in(specification, dictionary)))
    first, *later = batches(specification, dictionary, at_once)
    table = columns.read(first.variables)
    rows_read = table.rows
    kept = _complete_rows(first, later, table, columns)
    order = order_by_group(specification, table, kept)
    table = _arranged(table, order)
    filling = _begun(specification, dictionary, table)
    filling.add(first, table)
    places = table.origin
    cohorts = _cohorts(rows_read, order, filling.rows.weight)
    del table, kept  # before the next is read
    for batch in later:
        filling.add(batch, _arranged(columns.read(batch.variables), order))
    counts = filling.census.counts(filling.rows)
    return SiteDesign(filling.rows, rows_read - filling.rows.n, counts, filling.unit, places, cohorts)


@dataclass(frozen=True)
class _Filling:
    specification: Specification
    dictionary: Dictionary
    rows: Rows
    unit: Unit | None
    census: Census

    def add(self, batch: Batch, table: Table) -> None:
        """Counts the variables of a batch, and computes, places and counts its columns."""
        for variable in batch.variables:
            self.census.add_variable(variable, table)
        for column in batch.columns:
            values = finite_column(column, table, self.dictionary)
            self.census.add_column(column, values)
            for matrix, columns in self._matrices():
                if column in columns:
                    matrix[:, columns.index(column)] = _carried(values, self.rows.weight)
            names = frozenset[str]().union(*map(variables_of, column.factors))
            self.census.add_cells([variable for variable in batch.variables if variable.name in names], table)

    def _matrices(self) -> tuple[tuple[Matrix, tuple[Column, ...]], ...]:
        return (self.rows.X, self.specification.fixed), (self.rows.Z, random_columns(self.specification))


def _begun(specification: Specification, dictionary: Dictionary, table: Table) -> _Filling:
    """A design whose matrices are empty, and without counts. Memory of zeros is taken when something is written there."""
    observed = observe(specification, table, dictionary)
    outer, group = keys_of(specification, table)
    columns = random_columns(specification)
    rows = Rows.sorted_by_group(
        X=np.zeros((table.rows, len(specification.fixed))),
        Z=np.zeros((table.rows, len(columns)), order="F"),
        y=observed.y,
        weight=observed.weight,
        offset=_carried(_offset(specification, table, dictionary), observed.weight),
        group=group,
        outer=outer,
        effects=tuple(columns.index(column) for term in specification.random for column in term.columns),
    )
    check_nested(specification, rows, group)
    unit = units_of(dictionary, table)
    return _Filling(specification, dictionary, rows, unit, Census.of(specification, observed, unit))


def _complete_rows(first: Batch, later: Sequence[Batch], table: Table, columns: Columns) -> Places:
    keep = table.complete(first.variables)
    others = {variable.name: variable for batch in later for variable in batch.variables}
    if others:
        keep &= columns.complete(tuple(others.values()))
    if not keep.any():
        raise DataError(
            "every row has a missing value in a variable of the model.",
            where="the data",
            remedy="Leave out the variable that this site did not collect, or leave out the site.",
            code="no_rows",
        )
    return np.flatnonzero(keep).astype(np.min_scalar_type(table.rows))


def _cohorts(rows: int, order: Places | None, weight: Vector) -> tuple[NDArray[np.uint8], ...]:
    """Some sums of the start have no weights: they are over all rows, the others over those that carry weight."""
    everybody, carrying = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    places = slice(None) if order is None else order
    everybody[places], carrying[places] = True, weight > 0
    both = (everybody,) if weight.min(initial=1.0) > 0 else (everybody, carrying)
    return tuple(np.packbits(cohort) for cohort in both)


def _arranged(table: Table, order: Places | None) -> Table:
    return table if order is None else table.select(order)


def _carried(values: Vector, weight: Vector) -> Vector:
    """Zero where a row has no weight: it says nothing, and no exponential of it may overflow."""
    return values if weight.all() else np.where(weight > 0.0, values, 0.0)


def _offset(specification: Specification, table: Table, dictionary: Dictionary) -> Vector:
    if specification.offset is None:
        return np.broadcast_to(0.0, table.rows)
    return finite_values(specification.offset, table, dictionary, "the offset")
