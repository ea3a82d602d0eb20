"""A dictionary that a site may show to others: what would tell of single people is left out of the proposal.

Levels that few units have are not proposed. Ranges follow from the values that enough units reach, and not from those of one or
two beyond: no level is one patient's, and no bound tells where one lies. (Columns that look like identifiers were never proposed
as anything but groups: site_node/data/inference.py.)
"""

from collections.abc import Collection
from fractions import Fraction
from math import ceil, floor, log10
from typing import Literal

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


def outward(low: float, high: float, *, beyond_low: bool, beyond_high: bool) -> tuple[float, float]:
    """A range around two values, in steps of the power of ten below what lies between them.

    Args:
        low: the lower value.
        high: the higher one.
        beyond_low: whether the range begins a whole step further out, for values that lie below.
        beyond_high: the same at its end.
    """
    width = high - low or abs(high) or 1.0
    step = Fraction(10) ** floor(log10(width))
    below, above = floor(Fraction(low) / step) - beyond_low, ceil(Fraction(high) / step) + beyond_high
    return float(below * step), float(above * step)


def _shown(file: Relation, variable: Variable, unit: str | None) -> tuple[Variable, str]:
    if variable.type == "factor":
        return _common_levels(file, variable, unit)
    return _rounded(file, variable, unit)


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


def _rounded(file: Relation, variable: Variable, unit: str | None) -> tuple[Variable, str]:
    number = file.number(variable.name)
    values = f"(SELECT *, {number} AS v FROM data WHERE NOT isnan({number}))"  # noqa: S608 -- our own names only
    low, high = map(float, file.query(f"SELECT min(v), max(v) FROM {values}").fetchall()[0])  # noqa: S608 -- our own names only
    blank = "" if variable.type == "number" else None
    bounds = _bounds(low, high, *(_reached(file, values, unit, end) for end in ("min", "max")))
    note = f"`{variable.name}` gets no range: fewer than {MIN_UNITS} units lie far from all others. Agree on what is no mistake."
    return variable.model_copy(update={"range": bounds, "unit": blank}), "" if bounds else note


def _bounds(low: float, high: float, few: float | None, many: float | None) -> tuple[float, float] | None:
    """A range of which single units tell nothing but whether they are in it; none if one of them is not.

    Args:
        low: the lowest value.
        high: the highest.
        few: the lowest that enough units reach or lie below; None if there are not so many.
        many: the highest that enough units reach or lie above.
    """
    if few is None or many is None or few > many:
        return None
    below, above = outward(few, many, beyond_low=few != low, beyond_high=many != high)
    if low >= 0.0:
        below = max(below, 0.0)
    if high <= 0.0:
        above = min(above, 0.0)
    return (below, above) if below <= low and high <= above else None


def _reached(file: Relation, values: str, unit: str | None, end: Literal["min", "max"]) -> float | None:
    """The value at an end of a column that `MIN_UNITS` units reach, each by its own outermost; None if there are not so many."""
    own = f"SELECT v AS o FROM {values}"  # noqa: S608 -- our own names only
    if unit is not None:
        text = file.text(unit)
        own = f"SELECT {end}(v) AS o FROM {values} WHERE ({text}) IS NOT NULL GROUP BY {text}"  # noqa: S608 -- our own names only
    order = "ASC" if end == "min" else "DESC"
    found = file.query(f"{own} ORDER BY o {order} LIMIT 1 OFFSET {MIN_UNITS - 1}").fetchone()
    return None if found is None else float(found[0])


def _units(file: Relation, unit: str | None) -> str:
    """SQL for how many units some rows are of."""
    return "count(*)" if unit is None else f"count(DISTINCT {file.text(unit)})"
