"""What a data manager should know of rows that are not refused as they stand: in words, for the site's own eyes."""

from collections.abc import Iterator, Sequence
from math import floor

from site_node.inspection import Inspection, VariableReport
from site_node.release.policy import MAX_PARAMETERS_PER_ROW, MIN_ROWS, MIN_UNITS, PolicyName

MOST_NAMES = 20
"""So many columns are listed."""


def remarks(inspection: Inspection, policy: PolicyName) -> tuple[str, ...]:
    """What models these rows would be refused for, and what is not agreed on or not read."""
    found = [*_of_columns(inspection), *_of_missing(inspection, policy)]
    return tuple(found if policy == "open" else [*found, *_of_floors(inspection)])


def _of_columns(inspection: Inspection) -> Iterator[str]:
    if inspection.unread:
        yield f"Columns that the dictionary does not have are never read: {_listed(inspection.unread)}."
    numbers = [report.variable for report in inspection.variables if report.variable.type == "number"]
    if nameless := [variable.name for variable in numbers if not variable.unit]:
        yield f"The dictionary gives no unit, so nobody notices that another site measures in another one: {_listed(nameless)}."
    if unbounded := [variable.name for variable in numbers if variable.range is None]:
        yield f"The dictionary gives no range, so a typing error of any size is taken for a value: {_listed(unbounded)}."


def _of_missing(inspection: Inspection, policy: PolicyName) -> Iterator[str]:
    rows = inspection.rows
    for report in inspection.variables:
        if report.missing:
            left = rows - report.missing
            refused = "" if policy == "open" or left >= MIN_ROWS else ", and would be refused (too_few_rows)"
            share = f"{report.missing} of {rows} rows ({100 * report.missing / rows:.0f} %)"
            yield f"`{report.variable.name}` is missing in {share}: a model with it has at most {left}{refused}."
    if inspection.complete < rows:
        yield f"Rows in which no variable is missing: {inspection.complete} of {rows}."


def _of_floors(inspection: Inspection) -> Iterator[str]:
    for report in inspection.variables:
        if report.rare:
            yield _rare(report)
    if inspection.rows >= MIN_ROWS:
        most = floor(MAX_PARAMETERS_PER_ROW * inspection.rows)
        yield f"With all rows a model may have {most} parameters here; each level but the reference is one."


def _rare(report: VariableReport) -> str:
    return (
        f"`{report.variable.name}`: of these there are 1 to {MIN_UNITS - 1}, and it has to be none or at least {MIN_UNITS}: "
        f"{_listed(report.rare)}. A model with it would be refused (rare_level). Merge them in the data, and in the dictionary."
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
