"""The response and the weights of the rows, held against what the family allows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.dictionary import Dictionary
from shared.errors import DataError
from shared.parameters import Vector
from shared.specification import CountsResponse, EventResponse, FamilyName, Specification
from site_node.data.columns import finite_values, level_indicator
from site_node.data.sources import Table

Mask = NDArray[np.bool_]

_WHERE = "the response"


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
        events = _counts(finite_values(response.successes, table, dictionary, "the successes"), "the successes")
        non_events = _counts(finite_values(response.failures, table, dictionary, "the failures"), "the failures")
        size = events + non_events
        y = np.divide(events, size, out=np.zeros_like(size), where=size > 0)
        return _observed(y, size if weight is None else size * weight, "binomial")
    if isinstance(response, EventResponse):
        y = level_indicator(response.variable, response.event, table, dictionary).astype(np.float64)
    else:
        y = finite_values(response.expression, table, dictionary, _WHERE)
    ones = np.ones(table.rows)
    prior = ones if weight is None else weight
    if specification.family == "binomial":
        _check_binomial(y, sized=weight is not None)
    if specification.family == "poisson":
        _counts(y, _WHERE)
    return _observed(y, prior, specification.family)


def _observed(y: Vector, weight: Vector, family: FamilyName) -> Observed:
    """With the outcomes: two values are a binary outcome whatever the family; for proportions, events and none."""
    carrying = weight > 0
    low, high = y.min(initial=np.inf, where=carrying), y.max(initial=-np.inf, where=carrying)
    outcomes: tuple[Mask, ...] = ()
    if low < high and ((y == low) | (y == high) | ~carrying).all():
        outcomes = (y == high, y == low)
    elif family == "binomial":
        outcomes = (y > 0, y < 1)
    return Observed(y, weight, tuple(outcome & carrying for outcome in outcomes))


def _check_binomial(y: Vector, *, sized: bool) -> None:
    if not sized and not ((y == 0) | (y == 1)).all():
        raise DataError(
            "the family is binomial, and the response is not 0/1 in every row.",
            where=_WHERE,
            remedy="A binomial response is 0/1, a two-level factor, cbind(successes, failures), or a proportion "
            "together with `weights`, its sizes; for counts use family poisson, for measurements gaussian.",
            code="response",
        )
    if ((y < 0) | (y > 1)).any():
        raise DataError(
            "a proportion lies outside 0 to 1.", where=_WHERE, remedy="Divide the events by the sizes.", code="response"
        )


def _weights(specification: Specification, table: Table) -> Vector | None:
    name = specification.weights
    if name is None:
        return None
    if name not in table.numbers:
        raise DataError("weights are not numbers.", where=f"`{name}`", remedy="Use a number or an integer variable.")
    weight = table.numbers[name]
    if (weight < 0).any():
        raise DataError("a weight is negative.", where=f"`{name}`", remedy="Weights are zero or more.", code="weights")
    return weight


def _counts(values: Vector, where: str) -> Vector:
    if ((values < 0) | (np.floor(values) != values)).any():
        raise DataError(
            "counts are whole numbers of zero or more.", where=where, remedy="Check the variable.", code="response"
        )
    return values
