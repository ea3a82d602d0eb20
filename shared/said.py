"""Whether the terms of a specification are what its formula says, by the agreed dictionary.

People read, approve and quote a formula and the names of columns, and sites compute terms. Whoever resolves the one into the
other could have sites compute something else under the same name, and sign it: so a site resolves the formula itself.
"""

from shared.dictionary import Dictionary
from shared.errors import DataError, RequestError
from shared.families import FamilyName
from shared.formula.columns import design_columns
from shared.formula.grammar import parse
from shared.formula.meaning import expression, numeric, variable_of
from shared.formula.syntax import Node, deparse, wrong
from shared.formula.terms import expand
from shared.random_terms import random_terms
from shared.specification import CountsResponse, EventResponse, NumericResponse, Response, Specification

BINARY = 2
"""Levels of a factor that can be a response."""


def check_said(specification: Specification, dictionary: Dictionary) -> None:
    """Lets a specification pass whose response, columns, offset and random terms are those of its formula.

    Args:
        specification: what is to be fitted.
        dictionary: one's own, whose hash the specification has.

    Raises:
        DataError: they are not, or the formula cannot be read.
    """
    known = next((term.sd for term in specification.random if term.sd is not None), None)
    try:
        formula = parse(specification.formula)
        terms = expand(formula.right)
        said = {
            "response": response_of(formula.response, specification.family, dictionary),
            "fixed": design_columns(terms, dictionary),
            "offset": numeric(terms.offset, dictionary) if terms.offset else None,
            "random": random_terms(terms.bars, known, dictionary),
        }
    except RequestError:
        raise _other("formula") from None
    for place, one in said.items():
        if getattr(specification, place) != one:
            raise _other(place)


def _other(place: str) -> DataError:
    return DataError(
        "the terms are not what the formula says.",
        where=f"the specification, `{place}`",
        remedy="Run the same version of fedglmm on both sides; if they are the same, ask who changed the terms.",
        code="other_terms",
    )


def response_of(node: Node, family: FamilyName, dictionary: Dictionary) -> Response:
    """What a formula's left-hand side is, for a family.

    Raises:
        FormulaError: it is no response of the family, or reads what the dictionary does not have.
    """
    if node.kind == "call" and node.value == "cbind":
        if family != "binomial":
            raise wrong(node, f"the family {family} has no counts of successes and failures.", "Name one variable.")
        successes, failures = (numeric(operand, dictionary) for operand in node.operands)
        return CountsResponse(successes=successes, failures=failures)
    if node.kind != "name" or (variable := variable_of(node, dictionary)).type != "factor":
        return NumericResponse(expression=expression(node, dictionary))
    levels = variable.coded_levels
    if family != "binomial":
        raise wrong(node, f"a factor is no response of the family {family}.", "Name a numeric variable.")
    if len(levels) != BINARY:
        remedy = f'Name the event: `{deparse(node)} == "{levels[-1]}"`.'
        raise wrong(node, f"a response has two levels, and this factor has {len(levels)}.", remedy)
    return EventResponse(variable=variable.name, event=levels[1])
