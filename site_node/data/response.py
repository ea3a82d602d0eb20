"""The response and the weights of the rows, held against what the family allows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.dictionary import Dictionary
from shared.errors import DataError
from shared.families import FamilyName
from shared.formula.expressions import Expression, VariableRef
from shared.parameters import Vector
from shared.specification import CountsResponse, EventResponse, Specification
from site_node.data.columns import finite_values, level_indicator
from site_node.data.rows_at_fault import refuse_rows
from site_node.data.table import Table

Mask = NDArray[np.bool_]

_WHERE = "the response"
COUNTS: frozenset[FamilyName] = frozenset({"poisson", "negative_binomial"})
ABOVE_ZERO: frozenset[FamilyName] = frozenset({"gamma", "inverse_gaussian"})
_NOT_WHOLE = 1e-3
"""How far events may lie from a whole number: a proportion is a rounded quotient. R's glm has the same."""


@dataclass(frozen=True)
class Observed:
    """What was observed in each row."""

    y: Vector
    """The response; a proportion for binomial sizes."""
    weight: Vector
    """Prior weights times binomial sizes."""
    outcomes: tuple[Mask, ...]
    """The rows of weight that have each outcome, where there are outcomes to tell apart."""


def observe(specification: Specification, table: Table, dictionary: Dictionary) -> Observed:
    """The response and the weights, for a table without missing values.

    Raises:
        DataError: they are not what the family allows.
    """
    weight = _weights(specification, table)
    response = specification.response
    if isinstance(response, CountsResponse):
        events = _counts(response.successes, table, dictionary, "the successes")
        non_events = _counts(response.failures, table, dictionary, "the failures")
        size = events + non_events
        y = np.divide(events, size, out=np.zeros_like(size), where=size > 0)
        return _observed(y, size if weight is None else size * weight, "binomial")
    if isinstance(response, EventResponse):
        y = level_indicator(response.variable, response.event, table, dictionary).astype(np.float64)
    elif specification.family in COUNTS:
        y = _counts(response.expression, table, dictionary, _WHERE)
    else:
        y = finite_values(response.expression, table, dictionary, _WHERE)
        if specification.family == "binomial":
            _check_binomial(y, weight, table, response.expression)
        elif specification.family in ABOVE_ZERO:
            _check_above_zero(y, specification.family, table, response.expression)
    return _observed(y, np.broadcast_to(1.0, table.rows) if weight is None else weight, specification.family)


def _observed(y: Vector, weight: Vector, family: FamilyName) -> Observed:
    """With the outcomes: two values are a binary outcome whatever the family; for proportions, events and none."""
    carrying = weight > 0
    if not carrying.any():
        raise DataError(
            "no row carries weight: every weight or size is zero.",
            where="the weights",
            remedy="Mend them, or leave this site out of the roster.",
            code="weights",
        )
    seen = y if carrying.all() else y[carrying]
    low, high = seen.min(), seen.max()
    outcomes: tuple[Mask, ...] = ()
    if low < high and ((seen == low) | (seen == high)).all():
        outcomes = (y == high, y == low)
    elif family == "binomial":
        outcomes = (y > 0, y < 1)
    return Observed(y, weight, tuple(outcome & carrying for outcome in outcomes))


def _check_binomial(y: Vector, size: Vector | None, table: Table, expression: Expression) -> None:
    where, computed = _place(_WHERE, expression)
    if size is None:
        refuse_rows(
            (y != 0) & (y != 1),
            table,
            "a number that is neither 0 nor 1, and the family is binomial",
            where=where,
            remedy="A binomial response is 0/1, a two-level factor, cbind(successes, failures), or a proportion "
            "together with `weights`, its sizes; for counts use family poisson or negative_binomial, for measurements gaussian.",
            code="response",
            computed=computed,
        )
        return
    refuse_rows(
        (y < 0) | (y > 1),
        table,
        "a proportion outside 0 to 1",
        where=where,
        remedy="Divide the events by the sizes: none is larger than its size.",
        code="response",
        computed=computed,
    )
    if computed:  # then it is for the policy to judge: whether this holds in every row would tell of single rows
        return
    events = y * size
    refuse_rows(
        (y > 0) & (y < 1) & (np.abs(events - np.rint(events)) > _NOT_WHOLE),
        table,
        "a proportion that is no whole number of events out of its size, which is its weight",
        where=where,
        remedy="Give the numbers of trials as `weights`, or write cbind(events, size - events).",
        code="response",
        computed=False,
    )


def _check_above_zero(y: Vector, family: FamilyName, table: Table, expression: Expression) -> None:
    where, computed = _place(_WHERE, expression)
    refuse_rows(
        y <= 0,
        table,
        f"a number that is not above zero, and the family is {family}",
        where=where,
        remedy="Where zeros belong to the data, fit two models: whether it is above zero (binomial), and how much where it is "
        "(leave the zeros empty); or use family gaussian, which allows any number.",
        code="response",
        computed=computed,
    )


def _weights(specification: Specification, table: Table) -> Vector | None:
    name = specification.weights
    if name is None:
        return None
    if name not in table.numbers:
        raise DataError("weights are not numbers.", where=f"`{name}`", remedy="Use a number or an integer variable.")
    weight = table.numbers[name]
    refuse_rows(
        weight < 0,
        table,
        "a negative weight",
        where=f"column `{name}`",
        remedy="Weights are zero or more.",
        code="weights",
        computed=False,
    )
    return weight


def _counts(expression: Expression, table: Table, dictionary: Dictionary, what: str) -> Vector:
    values = finite_values(expression, table, dictionary, what)
    where, computed = _place(what, expression)
    refuse_rows(
        (values < 0) | (np.floor(values) != values),
        table,
        "a count that is negative or no whole number",
        where=where,
        remedy="Counts are whole numbers of zero or more. In cbind(events, size - events) no size is smaller than "
        "its events.",
        code="response",
        computed=computed,
    )
    return values


def _place(what: str, expression: Expression) -> tuple[str, bool]:
    """How a part of the model is called, and whether it is more than a column of the file."""
    if isinstance(expression, VariableRef):
        return f"{what}, column `{expression.name}`", False
    return what, True
