"""Terms and a dictionary to the columns of a design matrix, with the names and in the order of R's `model.matrix`.

What a single variable's columns are is in shared/formula/coding.py; here they are combined to those of terms.
"""

import math
from itertools import product

from shared.dictionary import Dictionary
from shared.errors import FormulaError
from shared.formula.coding import Coded, coded
from shared.formula.expressions import Column
from shared.formula.terms import Terms

INTERCEPT = "(Intercept)"
MOST_COLUMNS = 1000
"""Columns of a design."""


def design_columns(terms: Terms, dictionary: Dictionary) -> tuple[Column, ...]:
    """The columns of the design matrix.

    Raises:
        FormulaError: a variable is unknown, has the wrong type for its place, or there are too many columns.
    """
    variables = {label: coded(label, node, dictionary) for label, node in terms.variables.items()}
    columns = [Column(INTERCEPT)] if terms.intercept else []
    full = None if terms.intercept else _first_factor(terms, variables)
    earlier: list[frozenset[str]] = []
    for term in terms.terms:
        whole = frozenset(term)
        parts = [
            variables[label].by_contrasts
            if (whole, label) != full and _by_contrasts(whole - {label}, earlier)
            else variables[label].in_full
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


def _first_factor(terms: Terms, variables: dict[str, Coded]) -> tuple[frozenset[str], str] | None:
    """Without an intercept, the factor (and its term) that is coded by all of its levels."""
    places = ((frozenset(term), label) for term in terms.terms for label in term)
    return next((place for place in places if variables[place[1]].factor), None)


def _joined(columns: tuple[Column, ...]) -> Column:
    factors = tuple(factor for column in columns for factor in column.factors)
    return Column(":".join(column.name for column in columns), factors)
