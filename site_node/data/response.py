"""The response and the weights of the rows, held against what the family allows."""

from dataclasses import dataclass

import numpy as np

from shared.dictionary import Dictionary
from shared.errors import DataError
from shared.parameters import Vector
from shared.specification import CountsResponse, EventResponse, Specification
from site_node.data.columns import finite_values, level_indicator
from site_node.data.sources import Table

_WHERE = "the response"


@dataclass(frozen=True)
class Observed:
    """What was observed in each row."""

    y: Vector
    """The response; a proportion for binomial sizes."""
    weight: Vector
    """Prior weights times binomial sizes."""
    events: Vector | None
    """Binomial: how many events a row stands for."""
    non_events: Vector | None
    """Binomial: how many non-events a row stands for."""


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
        return Observed(y, size if weight is None else size * weight, events, non_events)
    if isinstance(response, EventResponse):
        y = level_indicator(response.variable, response.event, table, dictionary).astype(np.float64)
    else:
        y = finite_values(response.expression, table, dictionary, _WHERE)
    ones = np.ones(table.rows)
    prior = ones if weight is None else weight
    match specification.family:
        case "binomial":
            return _binomial(y, prior, sized=weight is not None)
        case "poisson":
            return Observed(_counts(y, _WHERE), prior, None, None)
        case "gaussian":
            return Observed(y, prior, None, None)


def _binomial(y: Vector, weight: Vector, *, sized: bool) -> Observed:
    binary = bool(((y == 0) | (y == 1)).all())
    if not binary and not sized:
        raise DataError(
            "it is a response that is not 0/1.",
            where=_WHERE,
            remedy="A binomial response is 0/1, a two-level factor, cbind(successes, failures), or a proportion "
            "together with `weights`, its sizes.",
            code="response",
        )
    if ((y < 0) | (y > 1)).any():
        raise DataError(
            "a proportion lies outside 0 to 1.", where=_WHERE, remedy="Divide the events by the sizes.", code="response"
        )
    # weights of 0/1 rows say how much a row counts, not that it stands for several people
    size = (weight > 0).astype(np.float64) if binary else weight
    return Observed(y, weight, y * size, (1 - y) * size)


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
