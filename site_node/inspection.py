"""What a data manager should know before a site goes online: how the data fit the dictionary and the policy."""

from dataclasses import dataclass

from shared.dictionary import Dictionary, Variable
from shared.errors import DataError, FedglmmError
from shared.specification import Specification
from site_node.admission import check_addressed
from site_node.data.batches import variables_in
from site_node.data.counts import Counts, Unit, value_counts
from site_node.data.design import build
from site_node.data.groups import units_of
from site_node.data.inference import texts_beyond
from site_node.data.opening import open_rows
from site_node.data.reading import FileColumns
from site_node.data.table import Table
from site_node.release.policy import Breach, breaches, model_breaches
from site_node.settings import SiteSettings


@dataclass(frozen=True)
class VariableReport:
    """One variable of the dictionary, as the data have it."""

    variable: Variable
    missing: int = 0
    problem: str = ""
    """What is wrong with it; empty when nothing is."""
    unknown_levels: tuple[str, ...] = ()
    """Levels that the dictionary lacks. For the data manager's own eyes."""


@dataclass(frozen=True)
class Inspection:
    """What was found."""

    rows: int
    variables: tuple[VariableReport, ...]
    refused: tuple[Breach, ...]
    """What the policy does not let pass: of the model, and floors that the design, else the data as they are, do not reach."""
    problem: str = ""
    """Why the specification's design cannot be built."""

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
    found = [_look_at(columns, variable) for variable in variables]
    reports = tuple(report for report, _ in found)
    rows = max((table.rows for _, table in found if table is not None), default=0)
    if specification is None:
        unit = _units(columns, dictionary)
        levels = tuple(
            value_counts(variable, table, unit)
            for variable, (_, table) in zip(variables, found, strict=True)
            if table is not None
        )
        units = None if unit is None else int(unit.max(initial=-1)) + 1
        counts = Counts(rows, parameters=1, levels=levels, units=units)
        return Inspection(rows, reports, breaches(counts, settings.policy))
    try:
        check_addressed(settings.name, dictionary, specification)
        design = build(specification, dictionary, columns)
    except FedglmmError as error:
        return Inspection(rows, reports, (), str(error))
    of_model = model_breaches(specification, dictionary, settings.policy)
    return Inspection(rows, reports, (*of_model, *breaches(design.counts, settings.policy)))


def _units(columns: FileColumns, dictionary: Dictionary) -> Unit | None:
    """Those without one count as one; None where the column cannot be read, which its own report says."""
    if dictionary.privacy_unit is None:
        return None
    _, table = _look_at(columns, dictionary[dictionary.privacy_unit])
    return None if table is None else units_of(dictionary, table)


def _look_at(columns: FileColumns, variable: Variable) -> tuple[VariableReport, Table | None]:
    try:
        table = columns.read([variable])
    except DataError as error:
        if error.code not in {"no_column", "bad_value"}:
            raise
        factor_is_there = variable.type == "factor" and error.code == "bad_value"
        unknown = texts_beyond(columns.file, variable.name, variable.levels) if factor_is_there else ()
        return VariableReport(variable, problem=str(error), unknown_levels=unknown), None
    return VariableReport(variable, missing=int(table.missing(variable.name).sum())), table
