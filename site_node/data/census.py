"""All that the policy judges of a design, counted while it is built."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from shared.dictionary import SITE, Variable
from shared.formula.expressions import Column
from shared.parameters import Vector
from shared.specification import Specification
from site_node.data.batches import names_read, random_columns, read_by_response
from site_node.data.counts import Counts, LevelCounts, Unit, Units
from site_node.data.groups import groups_of
from site_node.data.response import Observed
from site_node.data.table import Table
from site_node.estimation.rows import Rows

Found = LevelCounts | None


@dataclass(frozen=True)
class Census:
    """The counts of a design. Its variables and columns are added as they are read, in any order."""

    specification: Specification
    observed: Observed
    carrying: Units
    """The rows that carry weight."""
    everybody: Units
    """All rows."""
    variables: dict[str, Found] = field(default_factory=dict)
    columns: dict[Column, Found] = field(default_factory=dict)
    columns_of_everybody: dict[Column, Found] = field(default_factory=dict)
    cells: dict[frozenset[str], tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, specification: Specification, observed: Observed, unit: Unit | None = None) -> "Census":
        """The census of a design, with nothing counted yet."""
        carrying = Units.of(observed.outcomes, observed.weight > 0, unit)
        everybody = carrying
        if carrying.among is not None:
            everybody = Units.of(observed.outcomes, np.ones(len(observed.y), dtype=bool), unit)
        return cls(specification, observed, carrying, everybody)

    def add_variable(self, variable: Variable, table: Table) -> None:
        """Counts a variable, given its values in the order of the design's rows."""
        # the values of a count or a measurement are no cells; those of a binary outcome are
        no_cells = frozenset() if self.observed.outcomes else read_by_response(self.specification)
        if variable.name in names_read(self.specification) - no_cells - self.variables.keys():
            self.variables[variable.name] = self.carrying.by_value(variable, table)

    def add_column(self, column: Column, values: Vector) -> None:
        """Counts a column of X, of Z or of both."""
        self.columns[column] = self.carrying.by_column(column.name, values)
        if self.carrying is not self.everybody and column in random_columns(self.specification):
            self.columns_of_everybody[column] = self.everybody.by_column(column.name, values)

    def add_cells(self, crossed: Sequence[Variable], table: Table) -> None:
        """Counts the cells of the variables that one column multiplies."""
        names = frozenset(variable.name for variable in crossed)
        if len(names) > 1 and names not in self.cells:
            self.cells[names] = self.carrying.by_cell(crossed, table)

    def counts(self, rows: Rows) -> Counts:
        """The counts of a design, once all of it is added."""
        counted = zip(self.specification.groupings, groups_of(rows, self.specification), strict=True)
        groups = tuple(count for group, count in counted if group != SITE)
        levels = tuple(found for found in self._levels(rows) if found is not None)
        everything = self.carrying.by_code("the response", np.zeros(len(self.carrying.kinds), dtype=np.uint8), 1)
        return Counts(
            rows=len(self.carrying.kinds),
            parameters=self.specification.layout.size,
            groups=groups,
            levels=levels,
            outcomes=everything.outcomes[0] if everything.outcomes else (),
            units=everything.units[0],
            cells=tuple(self.cells.values()),
        )

    def _levels(self, rows: Rows) -> Iterator[Found]:
        """All that a contribution is made of."""
        for name in sorted(self.variables):
            yield self.variables[name]
        for column in self.specification.fixed:
            yield self.columns[column]
        for column in random_columns(self.specification):
            yield self.columns[column]
            yield self.columns_of_everybody.get(column)  # the start's Z'Z is a sum over all rows
        yield self.carrying.by_column("the offset", rows.offset)
        yield self.carrying.by_column("the weights", rows.weight)
        yield self.carrying.by_column("the response", rows.y)
