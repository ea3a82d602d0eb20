"""Terms and a dictionary to the columns of a design matrix, with the names and in the order of R's `model.matrix`.

Factors have treatment contrasts. A comparison is a factor with the levels FALSE and TRUE, as in R.
"""

import math
from dataclasses import dataclass
from itertools import product

from shared.dictionary import Dictionary
from shared.errors import FormulaError
from shared.formula.expressions import Column, Comparison, LevelFactor, LevelTest, NumericFactor, TruthFactor
from shared.formula.meaning import expression, variable_of
from shared.formula.syntax import Node, wrong
from shared.formula.terms import Terms

INTERCEPT = "(Intercept)"
MOST_COLUMNS = 1000
"""Columns of a design."""


@dataclass(frozen=True)
class _Coding:
    """One variable's columns: the number itself, or the indicators of a factor's levels, the reference first."""

    columns: tuple[Column, ...]
    factor: bool

    def coded(self, *, contrasts: bool) -> tuple[Column, ...]:
        return self.columns[1:] if self.factor and contrasts else self.columns


def design_columns(terms: Terms, dictionary: Dictionary) -> tuple[Column, ...]:
    """The columns of the design matrix.

    Raises:
        FormulaError: a variable is unknown, has the wrong type for its place, or there are too many columns.
    """
    codings = {label: _coding(label, node, dictionary) for label, node in terms.variables.items()}
    columns = [Column(INTERCEPT)] if terms.intercept else []
    full = None if terms.intercept else _first_factor(terms, codings)
    earlier: list[frozenset[str]] = []
    for term in terms.terms:
        whole = frozenset(term)
        parts = [
            codings[label].coded(contrasts=(whole, label) != full and _by_contrasts(whole - {label}, earlier))
            for label in term
        ]
        earlier.append(whole)
        if len(columns) + math.prod(len(part) for part in parts) > MOST_COLUMNS:
            remedy = "Leave out an interaction, or use fewer levels."
            raise FormulaError(f"the design has more than {MOST_COLUMNS} columns.", where=":".join(term), remedy=remedy)
        # The first factor varies fastest.
        columns += [_joined(combination[::-1]) for combination in product(*reversed(parts))]
    return tuple(columns)


def _by_contrasts(rest: frozenset[str], earlier: list[frozenset[str]]) -> bool:
    """R's rule for a factor: contrasts, when the rest of its term is empty or within an earlier term."""
    return not rest or any(rest <= term for term in earlier)


def _first_factor(terms: Terms, codings: dict[str, _Coding]) -> tuple[frozenset[str], str] | None:
    """Without an intercept, the factor (and its term) that is coded by all of its levels."""
    places = ((frozenset(term), label) for term in terms.terms for label in term)
    return next((place for place in places if codings[place[1]].factor), None)


def _joined(columns: tuple[Column, ...]) -> Column:
    factors = tuple(factor for column in columns for factor in column.factors)
    return Column(":".join(column.name for column in columns), factors)


def _coding(label: str, node: Node, dictionary: Dictionary) -> _Coding:
    if node.kind == "name" and (variable := variable_of(node, dictionary)).type == "factor":
        if len(variable.levels) == 1:
            raise wrong(node, "a factor with one level has no effect.", "Leave it out.")
        columns = (Column(f"{label}{level}", (LevelFactor(node.value, level),)) for level in variable.coded_levels)
        return _Coding(tuple(columns), factor=True)
    computed = expression(node, dictionary)
    if isinstance(computed, Comparison | LevelTest):
        truths = ((False, "FALSE"), (True, "TRUE"))
        columns = (Column(f"{label}{name}", (TruthFactor(computed, truth),)) for truth, name in truths)
        return _Coding(tuple(columns), factor=True)
    return _Coding((Column(label, (NumericFactor(computed),)),), factor=False)
