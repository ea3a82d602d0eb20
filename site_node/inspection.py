"""What a data manager should know before a site goes online: how the data fit the dictionary and the policy."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.dictionary import Dictionary, Variable
from shared.errors import DataError, FedglmmError
from shared.specification import Specification
from site_node.admission import check_addressed
from site_node.data.batches import variables_in
from site_node.data.counts import Counts, LevelCounts, Unit, value_counts
from site_node.data.design import build
from site_node.data.groups import units_of
from site_node.data.inference import texts_beyond
from site_node.data.looks import looks_of
from site_node.data.opening import open_rows
from site_node.data.reading import FileColumns
from site_node.data.table import Table
from site_node.release.policy import MIN_UNITS, Breach, breaches, model_breaches
from site_node.settings import SiteSettings


@dataclass(frozen=True)
class VariableReport:
    """One variable of the dictionary, as the data have it."""

    variable: Variable
    missing: int = 0
    problem: str = ""
    """What is wrong with it; empty when nothing is."""
    unknown_levels: tuple[str, ...] = ()
    """Levels that the dictionary lacks. For the data manager's own eyes, as the next."""
    rare: tuple[str, ...] = ()
    """Levels, or one of a number's few values, that some units have and too few."""


@dataclass(frozen=True)
class Inspection:
    """What was found."""

    rows: int
    variables: tuple[VariableReport, ...]
    refused: tuple[Breach, ...]
    """What the policy does not let pass: of the model, and floors that the design, else the data as they are, do not reach."""
    problem: str = ""
    """Why the specification's design cannot be built."""
    complete: int = 0
    """Rows in which none of the variables is missing."""
    unread: tuple[str, ...] = ()
    """Columns of the data that the dictionary does not have."""

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not (self.refused or self.problem or any(report.problem for report in self.variables))


def inspect(settings: SiteSettings, dictionary: Dictionary, specification: Specification | None = None) -> Inspection:
    """Reads the data and holds them against the dictionary, the policy and, if given, a specification.

    Raises:
        DataError: the file cannot be read at all.
        DictionaryError: the dictionary lacks a variable of the specification.
    """
    with open_rows(settings.rows()) as columns:
        return _inspected(columns, settings, dictionary, specification)


def _inspected(
    columns: FileColumns, settings: SiteSettings, dictionary: Dictionary, specification: Specification | None
) -> Inspection:
    variables = dictionary.columns if specification is None else variables_in(specification, dictionary)
    unit = _units(columns, dictionary)
    looks = [_look_at(columns, variable, unit) for variable in variables]
    read = [look.report.variable for look in looks if look.counts is not None]
    found = Inspection(
        rows=max((look.rows for look in looks), default=0),
        variables=tuple(look.report for look in looks),
        refused=(),
        complete=int(columns.complete(read).sum()) if read else 0,
        unread=tuple(name for name in columns.file.names if name not in dictionary),
    )
    if specification is None:
        units = None if unit is None else int(unit.max(initial=-1)) + 1
        levels = tuple(look.counts for look in looks if look.counts is not None)
        counts = Counts(found.rows, parameters=1, levels=levels, units=units)
        return replace(found, refused=breaches(counts, settings.policy))
    try:
        check_addressed(settings.name, dictionary, specification)
        design = build(specification, dictionary, columns)
    except FedglmmError as error:
        return replace(found, problem=str(error))
    of_model = model_breaches(specification, dictionary, settings.policy)
    return replace(found, refused=(*of_model, *breaches(design.counts, settings.policy)))


def _units(columns: FileColumns, dictionary: Dictionary) -> Unit | None:
    """Those without one count as one; None where the column cannot be read, which its own report says."""
    if dictionary.privacy_unit is None:
        return None
    try:
        return units_of(dictionary, columns.read([dictionary[dictionary.privacy_unit]]))
    except DataError:
        return None


@dataclass(frozen=True)
class _Look:
    report: VariableReport
    rows: int = 0
    counts: LevelCounts | None = None
    """None where the variable cannot be read."""


def _look_at(columns: FileColumns, variable: Variable, unit: Unit | None) -> _Look:
    try:
        table = columns.read([variable])
    except DataError as error:
        if error.code not in {"no_column", "bad_value"}:
            raise
        factor_is_there = variable.type == "factor" and error.code == "bad_value"
        unknown = texts_beyond(columns.file, variable.name, variable.levels) if factor_is_there else ()
        return _Look(
            VariableReport(variable, problem=f"{error}{_counted(columns, variable, error)}", unknown_levels=unknown)
        )
    counts = value_counts(variable, table, unit)
    missing = int(table.missing(variable.name).sum())
    return _Look(VariableReport(variable, missing, rare=_rare(variable, table, counts)), table.rows, counts)


def _counted(columns: FileColumns, variable: Variable, error: DataError) -> str:
    """How many values of a number are none, and how many but for a comma: a few are mended by hand, many in the export."""
    if variable.type not in {"number", "integer"} or error.code != "bad_value":
        return ""
    look = looks_of(columns.file, [variable.name])[variable.name]
    none = look.present - look.numbers
    commas = f", {look.with_commas} of these but for a comma" if look.with_commas else ""
    return f" No number: {none} of {look.present} values{commas}." if none else ""


def _rare(variable: Variable, table: Table, counts: LevelCounts) -> tuple[str, ...]:
    names = variable.coded_levels or [f"{value:g}" for value in _values(variable, table)[: len(counts.units)]]
    return tuple(name for name, units in zip(names, counts.units, strict=False) if 0 < units < MIN_UNITS)


def _values(variable: Variable, table: Table) -> NDArray[np.float64]:
    """The different values of a number, in ascending order, as those of a number of few are counted."""
    values = table.numbers.get(variable.name, np.empty(0))
    return np.unique(values[~np.isnan(values)])
