"""A dictionary that a site may show to others: what would tell of single people is left out of the proposal.

Levels that few units have are not proposed, and ranges are rounded outward, so that no level and no bound is one patient's.
(Columns that look like identifiers were never proposed as anything but groups: site_node/data/inference.py.)
"""

from collections.abc import Collection
from fractions import Fraction
from math import ceil, floor, log10

from shared.dictionary import Dictionary, Variable
from shared.errors import DataError
from site_node.data.inference import Proposal
from site_node.data.relation import Relation
from site_node.release.policy import MIN_UNITS


def shareable(file: Relation, proposal: Proposal, decided: Collection[str], unit: str | None = None) -> Proposal:
    """What of a proposal may be shown to others, with notes on what was left out.

    Args:
        file: the data.
        proposal: what was inferred from them.
        decided: variables of which a person has said what they are; they stay as they are.
        unit: the column that says whose rows they are; every row is somebody else's unless given.

    Raises:
        DataError: the data cannot be read to their end, or lack the column of the units.
    """
    if unit is not None:
        _check_unit(file, unit)
    notes, variables = list(proposal.notes), []
    for variable in proposal.dictionary.variables:
        if variable.name == unit:
            variables.append(Variable(name=unit, type="group", description="whose rows they are"))
        elif variable.name in decided or variable.type == "group":
            variables.append(variable)
        else:
            shown, note = _shown(file, variable, unit)
            variables.append(shown)
            notes += [note] if note else []
    return Proposal(Dictionary(variables=tuple(variables), privacy_unit=unit), tuple(notes))


def _check_unit(file: Relation, unit: str) -> None:
    file.require(unit)
    missing = file.query(f"SELECT count(*) FILTER (({file.text(unit)}) IS NOT NULL) FROM data").fetchall()[0][0] == 0  # noqa: S608 -- our own names only
    if missing:
        raise DataError(
            "it holds no values.", where=f"column `{unit}`", remedy="Name the column that says whose row it is."
        )


def outward(low: float, high: float, *, low_is_common: bool, high_is_common: bool) -> tuple[float, float]:
    """A range around two values, in steps of the power of ten below what lies between them.

    A bound is not the value itself, unless that is common or zero.
    """
    width = high - low or abs(high) or 1.0
    step = Fraction(10) ** floor(log10(width))
    below, above = floor(Fraction(low) / step), ceil(Fraction(high) / step)
    if float(below * step) == low and low != 0 and not low_is_common:
        below -= 1
    if float(above * step) == high and high != 0 and not high_is_common:
        above += 1
    return float(below * step), float(above * step)


def _shown(file: Relation, variable: Variable, unit: str | None) -> tuple[Variable, str]:
    if variable.type == "factor":
        return _common_levels(file, variable, unit)
    return _rounded(file, variable, unit), ""


def _common_levels(file: Relation, variable: Variable, unit: str | None) -> tuple[Variable, str]:
    text = file.text(variable.name)
    common = (
        f"SELECT {text} AS t FROM data WHERE ({text}) IS NOT NULL GROUP BY t HAVING {_units(file, unit)} >= {MIN_UNITS}"  # noqa: S608 -- our own names only
    )
    kept = {str(row[0]) for row in file.query(common).fetchall()}
    rare = len(variable.levels) - len(kept)
    if rare == 0:
        return variable, ""
    name = variable.name
    if len(kept) <= 1:
        return Variable(name=name, type="group"), (
            f"`{name}` is proposed as a group: at most one of its values is that of at least {MIN_UNITS} units."
        )
    levels = tuple(level for level in variable.levels if level in kept)
    return Variable(name=name, type="factor", levels=levels), (
        f"`{name}`: {rare} of its levels {'is' if rare == 1 else 'are'} left out, which fewer than {MIN_UNITS} units have. Merge "
        "or empty them in the data; or add a level to the dictionary, if the consortium wants it known."
    )


def _rounded(file: Relation, variable: Variable, unit: str | None) -> Variable:
    number = file.number(variable.name)
    values = f"(SELECT *, {number} AS v FROM data WHERE NOT isnan({number}))"  # noqa: S608 -- our own names only
    low, high = map(float, file.query(f"SELECT min(v), max(v) FROM {values}").fetchall()[0])  # noqa: S608 -- our own names only
    counted = f"{_units(file, unit, 'v = ?')}, {_units(file, unit, 'v = ?')}"
    at_low, at_high = file.query(f"SELECT {counted} FROM {values}", [low, high]).fetchall()[0]  # noqa: S608 -- our own names only
    bounds = outward(low, high, low_is_common=at_low >= MIN_UNITS, high_is_common=at_high >= MIN_UNITS)
    blank = "" if variable.type == "number" else None
    return variable.model_copy(update={"range": bounds, "unit": blank})


def _units(file: Relation, unit: str | None, among: str = "true") -> str:
    """SQL for how many units some rows are of."""
    counted = "*" if unit is None else f"DISTINCT {file.text(unit)}"
    return f"count({counted}) FILTER ({among})"
