"""What a data manager should know before a site goes online: how the data fit the dictionary and the policy."""

from dataclasses import dataclass

import numpy as np

from shared.dictionary import Dictionary, Variable
from shared.errors import DataError, FedglmmError
from shared.specification import Specification
from site_node.admission import check_addressed
from site_node.data.design import Counts, LevelCounts, build, level_counts, variables_in
from site_node.data.inference import texts_beyond
from site_node.data.sources import Table, read_columns
from site_node.release.policy import Breach, breaches
from site_node.settings import SiteSettings


@dataclass(frozen=True)
class VariableReport:
    """One variable of the dictionary, as the data have it."""

    name: str
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
    """Floors that are not reached: by the specification's design, else by the data as they are."""
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
    variables = dictionary.variables if specification is None else variables_in(specification, dictionary)
    found = [_look_at(settings, variable) for variable in variables]
    reports = tuple(report for report, _ in found)
    rows = max((table.rows for _, table in found if table is not None), default=0)
    if specification is None:
        levels = tuple(
            _levels(variable, table) for variable, (_, table) in zip(variables, found, strict=True) if table is not None
        )
        return Inspection(rows, reports, breaches(Counts(rows, columns=1, levels=levels), settings.policy))
    try:
        check_addressed(settings.name, dictionary, specification)
        design = build(specification, dictionary, read_columns(settings.data, variables))
    except FedglmmError as error:
        return Inspection(rows, reports, (), str(error))
    return Inspection(rows, reports, breaches(design.counts, settings.policy))


def _look_at(settings: SiteSettings, variable: Variable) -> tuple[VariableReport, Table | None]:
    try:
        table = read_columns(settings.data, [variable])
    except DataError as error:
        if error.code not in {"no_column", "bad_value"}:
            raise
        factor_is_there = variable.type == "factor" and error.code == "bad_value"
        unknown = texts_beyond(settings.data, variable.name, variable.levels) if factor_is_there else ()
        return VariableReport(variable.name, problem=str(error), unknown_levels=unknown), None
    return VariableReport(variable.name, missing=int(table.missing(variable.name).sum())), table


def _levels(variable: Variable, table: Table) -> LevelCounts:
    """How often each level of a factor occurs, or each value of a column of zeros and ones; else none."""
    if variable.type == "factor":
        codes = table.codes[variable.name]
        return level_counts(variable.name, codes[codes >= 0].astype(np.int64), len(variable.levels))
    values = table.numbers.get(variable.name, np.zeros(0))
    values = values[~np.isnan(values)]
    binary = bool(((values == 0) | (values == 1)).all())
    return level_counts(variable.name, values.astype(np.int64), 2) if binary else LevelCounts(variable.name, ())
