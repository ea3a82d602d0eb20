"""What a specification reads, and which of it is read together."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.dictionary import SITE, Dictionary, Variable
from shared.formula.expressions import Column, variables_of
from shared.specification import CountsResponse, EventResponse, NumericResponse, Specification


@dataclass(frozen=True)
class Batch:
    """Variables that are read together, and the columns of the design that are then computed from them."""

    variables: tuple[Variable, ...]
    columns: tuple[Column, ...]


def variables_in(specification: Specification, dictionary: Dictionary) -> tuple[Variable, ...]:
    """The variables that a specification reads, and the privacy unit, in the dictionary's order.

    Raises:
        DictionaryError: the dictionary lacks one.
    """
    return _found(names_read(specification) | _names_of_groups(specification) | _names_of_units(dictionary), dictionary)


def batches(specification: Specification, dictionary: Dictionary, at_once: int) -> list[Batch]:
    """All that a specification reads. The first batch has what decides the rows' order, response, weights, offset and unit.

    Args:
        specification: what is fitted.
        dictionary: the variables.
        at_once: variables of a batch, unless the first or a single column needs more.

    Raises:
        DictionaryError: the dictionary lacks a variable.
    """
    made: list[Batch] = []
    names = _names_of_rows(specification) | _names_of_groups(specification) | _names_of_units(dictionary)
    columns: list[Column] = []
    # constants last: a matrix takes its memory when the first column is written, by then the first batch is gone
    distinct = dict.fromkeys((*specification.fixed, *random_columns(specification)))
    for column in sorted(distinct, key=lambda column: not column.factors):
        wanted = _names_of_columns([column])
        if len(names | wanted) > at_once and names and not wanted <= names:
            made.append(Batch(_found(names, dictionary), tuple(columns)))
            names, columns = frozenset(), []
        names |= wanted
        columns.append(column)
    return [*made, Batch(_found(names, dictionary), tuple(columns))]


def names_read(specification: Specification) -> frozenset[str]:
    """The variables that the response, the columns, the offset and the weights read."""
    columns = (*specification.fixed, *random_columns(specification))
    return _names_of_rows(specification) | _names_of_columns(columns)


def read_by_response(specification: Specification) -> frozenset[str]:
    """The variables that the response reads."""
    match specification.response:
        case EventResponse(variable=variable):
            return frozenset({variable})
        case CountsResponse(successes=successes, failures=failures):
            return variables_of(successes) | variables_of(failures)
        case NumericResponse(expression=expression):
            return variables_of(expression)


def random_columns(specification: Specification) -> tuple[Column, ...]:
    """The columns of the random terms, each once."""
    return tuple(dict.fromkeys(column for term in specification.random for column in term.columns))


def _names_of_groups(specification: Specification) -> frozenset[str]:
    names = (name for group in specification.groupings for name in group.split(":"))
    return frozenset(names) - {SITE}


def _names_of_units(dictionary: Dictionary) -> frozenset[str]:
    return frozenset() if dictionary.privacy_unit is None else frozenset({dictionary.privacy_unit})


def _names_of_rows(specification: Specification) -> frozenset[str]:
    names = read_by_response(specification)
    if specification.offset is not None:
        names |= variables_of(specification.offset)
    return names if specification.weights is None else names | {specification.weights}


def _names_of_columns(columns: Iterable[Column]) -> frozenset[str]:
    return frozenset[str]().union(*(variables_of(factor) for column in columns for factor in column.factors))


def _found(names: frozenset[str], dictionary: Dictionary) -> tuple[Variable, ...]:
    found = {name: dictionary[name] for name in names}
    return tuple(variable for variable in dictionary.variables if variable.name in found)
