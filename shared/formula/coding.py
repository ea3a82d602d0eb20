"""A variable of a term as columns: a factor by contrasts or by the indicators of its levels, a number as it is.

A comparison is a factor with the levels FALSE and TRUE, as in R.
"""

from dataclasses import dataclass

from shared.dictionary import Coding, Dictionary, Variable
from shared.formula.arguments import arguments
from shared.formula.bases import BASES, basis_columns
from shared.formula.expressions import (
    Column,
    Comparison,
    ContrastFactor,
    LevelFactor,
    LevelTest,
    NumericFactor,
    TruthFactor,
)
from shared.formula.meaning import expression, variable_of
from shared.formula.syntax import Node, wrong

CODED_CALLS = BASES | {"C"}
"""Calls that are variables of terms and no expressions."""
_CONTRASTS: dict[str, Coding] = {
    "treatment": "treatment",
    "contr.treatment": "treatment",
    "sum": "sum",
    "contr.sum": "sum",
}


@dataclass(frozen=True)
class Coded:
    """The columns of one variable of a term."""

    by_contrasts: tuple[Column, ...]
    """Where the rest of the model spans the constant."""
    in_full: tuple[Column, ...]
    """A factor's indicators of all levels; of a number the same columns as by contrasts."""
    factor: bool = True


def coded(label: str, node: Node, dictionary: Dictionary) -> Coded:
    """The columns of a variable that R would call `label`.

    Raises:
        FormulaError: it is unknown, has the wrong type for its place, or lacks a constant.
    """
    if node.kind == "call" and node.value in BASES:
        columns = basis_columns(label, node, dictionary)
        return Coded(columns, columns, factor=False)
    if node.kind == "call" and node.value == "C":
        return _chosen(label, node, dictionary)
    if node.kind == "name" and (variable := variable_of(node, dictionary)).type == "factor":
        return _factor(label, node, variable, variable.coding)
    computed = expression(node, dictionary)
    if isinstance(computed, Comparison | LevelTest):
        truths = ((False, "FALSE"), (True, "TRUE"))
        columns = tuple(Column(f"{label}{name}", (TruthFactor(computed, truth),)) for truth, name in truths)
        return Coded(columns[1:], columns)
    columns = (Column(label, (NumericFactor(computed),)),)
    return Coded(columns, columns, factor=False)


def _chosen(label: str, call: Node, dictionary: Dictionary) -> Coded:
    """A factor whose contrasts the formula names: `C(f, sum)`."""
    given = arguments(call)
    node, contrasts = given["object"], given.get("contr", call)
    if node.kind != "name" or (variable := variable_of(node, dictionary)).type != "factor":
        raise wrong(node, "only a factor has contrasts.", "Name a factor of the dictionary, as in `C(f, sum)`.")
    if contrasts.kind != "name" or contrasts.value not in _CONTRASTS:
        remedy = f"They are: {', '.join(_CONTRASTS)}, as in `C(f, sum)`; order and reference come from the dictionary."
        raise wrong(contrasts, "these contrasts are not known.", remedy)
    return _factor(label, node, variable, _CONTRASTS[contrasts.value])


def _factor(label: str, node: Node, variable: Variable, coding: Coding) -> Coded:
    levels = variable.coded_levels
    if len(levels) == 1:
        raise wrong(node, "a factor with one level has no effect.", "Leave it out.")
    in_full = tuple(Column(f"{label}{level}", (LevelFactor(variable.name, level),)) for level in levels)
    if coding == "treatment":
        return Coded(in_full[1:], in_full)
    sums = (ContrastFactor(variable.name, level, levels[-1]) for level in levels[:-1])
    return Coded(tuple(Column(f"{label}{k}", (factor,)) for k, factor in enumerate(sums, start=1)), in_full)
