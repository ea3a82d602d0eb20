"""A specification in words, as the site computes it: by its columns, and not by the formula, which is for people only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from shared.families import FamilyName
from shared.formula.expressions import (
    Arithmetic,
    Call,
    Column,
    Comparison,
    ContrastFactor,
    Expression,
    Factor,
    LevelFactor,
    LevelTest,
    Negative,
    Number,
    NumericFactor,
    SplineFactor,
    TruthFactor,
    VariableRef,
)
from shared.formula.syntax import number_text
from shared.specification import CountsResponse, EventResponse, RandomTerm, Specification

FAMILIES: dict[FamilyName, str] = {
    "binomial": "binomial",
    "poisson": "Poisson",
    "negative_binomial": "negative binomial",
    "gaussian": "Gaussian",
    "gamma": "gamma",
    "inverse_gaussian": "inverse Gaussian",
}


@dataclass(frozen=True)
class Model:
    """A model in words."""

    explained: str
    family: str
    columns: tuple[tuple[str, str], ...]
    """Of the fixed effects: the name, and what is computed in each row."""
    random: tuple[str, ...]
    offset: str
    weights: str
    estimated: str
    answers: str


def model_in_words(specification: Specification) -> Model:
    """All that a person has to know of it."""
    return Model(
        explained=_response(specification),
        family=f"{FAMILIES[specification.family]}, {specification.link} link",
        columns=tuple((column.name, _column(column)) for column in specification.fixed),
        random=tuple(_random(term) for term in specification.random),
        offset="" if specification.offset is None else in_text(specification.offset),
        weights=specification.weights or "",
        estimated=_estimated(specification),
        answers=_answers(specification),
    )


def in_text(expression: Expression) -> str:
    """An expression as a formula has it, with all its brackets."""
    match expression:
        case VariableRef(name=name):
            return name
        case Number(value=value):
            return number_text(value)
        case Negative(argument=argument):
            return f"-({in_text(argument)})"
        case Call(function=function, argument=argument):
            return f"{function}({in_text(argument)})"
        case (
            Arithmetic(operator=operator, left=left, right=right)
            | Comparison(operator=operator, left=left, right=right)
        ):
            return f"({in_text(left)} {operator} {in_text(right)})"
        case LevelTest(operator=operator, variable=variable, level=level):
            return f"({variable} {'is' if operator == '==' else 'is not'} {level})"
    assert_never(expression)


def _response(specification: Specification) -> str:
    match specification.response:
        case CountsResponse(successes=successes, failures=failures):
            return f"{in_text(successes)} events beside {in_text(failures)} without one"
        case EventResponse(variable=variable, event=event):
            return f"the event that {variable} is {event}"
        case numeric:
            return in_text(numeric.expression)


def _column(column: Column) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(map(_factor, column.factors)) or "1 in each row"


def _factor(factor: Factor) -> str:
    match factor:
        case NumericFactor(expression=expression):
            return in_text(expression)
        case LevelFactor(variable=variable, level=level):
            return f"whether {variable} is {level}"
        case TruthFactor(expression=expression, value=value):
            return f"whether {in_text(expression)} is {'true' if value else 'false'}"
        case ContrastFactor(variable=variable, level=level, against=against):
            return f"{variable}: {level} against {against}"
        case SplineFactor(expression=expression, index=index):
            return f"part {index} of a spline of {in_text(expression)}"
    assert_never(factor)


def _random(term: RandomTerm) -> str:
    together = "" if len(term.columns) == 1 else ", correlated" if term.correlated else ", uncorrelated"
    known = "" if term.sd is None else f", with a known standard deviation of {number_text(term.sd)}"
    return f"{_listed(_varying(column) for column in term.columns)} by {term.group}{together}{known}"


def _varying(column: Column) -> str:
    return f"the effect of {_column(column)}" if column.factors else "the intercept"


def _estimated(specification: Specification) -> str:
    criterion = "restricted maximum likelihood (REML)" if specification.reml else "maximum likelihood"
    points = specification.quadrature_points
    if not specification.random or specification.family == "gaussian":
        how = ""
    elif points == 1:
        how = ", by the Laplace approximation"
    else:
        number = "as many points as are needed" if points == "auto" else f"{points} points"
        how = f", by adaptive Gauss-Hermite quadrature, {number}"
    return f"{criterion}{how}, in at most {specification.max_rounds} rounds"


def _answers(specification: Specification) -> str:
    if specification.masked:
        return "masked: of each round only the sum over all these sites makes sense"
    return "open: the coordinator sees this site's own log-likelihood, gradient and Hessian in each round"


def _listed(parts: Iterable[str]) -> str:
    return " and ".join(parts)
