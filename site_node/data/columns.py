"""The values of expressions and design columns, row by row: pure functions over a match statement.

A value that cannot be computed is NaN or infinite and stays so through every operation; whoever fills a design column
checks it once, at the end.
"""

from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from shared.dictionary import Dictionary
from shared.errors import DataError
from shared.formula.expressions import (
    Arithmetic,
    ArithmeticOperator,
    Call,
    Column,
    Comparison,
    ComparisonOperator,
    ContrastFactor,
    Expression,
    Factor,
    FunctionName,
    LevelFactor,
    LevelTest,
    Negative,
    Number,
    NumericFactor,
    SplineFactor,
    TruthFactor,
    VariableRef,
)
from shared.parameters import Vector
from site_node.data.rows_at_fault import RowError, refuse_rows
from site_node.data.splines import beyond_boundary, spline_column
from site_node.data.table import Table

_FUNCTIONS: Mapping[FunctionName, Callable[[Vector], Vector]] = {
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
_ARITHMETIC: Mapping[ArithmeticOperator, Callable[[Vector, Vector], Vector]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
}
_COMPARISONS: Mapping[ComparisonOperator, Callable[[Vector, Vector], NDArray[np.bool_]]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def finite_column(column: Column, table: Table, dictionary: Dictionary) -> Vector:
    """One column of a design matrix: the product of its factors.

    Raises:
        DataError: a value is not finite or beyond a spline's boundary, or the column reads a variable as what it is not.
    """
    name = f"column `{column.name}`"
    with np.errstate(all="ignore"):
        factors = (_factor(factor, table, dictionary, name) for factor in column.factors)
        values: Vector = reduce(np.multiply, factors) if column.factors else np.broadcast_to(1.0, table.rows)
    return _finite(values, table, name)


def finite_values(expression: Expression, table: Table, dictionary: Dictionary, name: str) -> Vector:
    """The values of an expression that `name` stands for in errors.

    Raises:
        DataError: as `finite_column`.
    """
    with np.errstate(all="ignore"):
        values = _evaluate(expression, table, dictionary)
    return _finite(values, table, name)


def level_indicator(variable: str, level: str, table: Table, dictionary: Dictionary) -> NDArray[np.bool_]:
    """Where a factor has a level.

    Raises:
        DataError: the variable is no factor, or has no such level.
    """
    levels = dictionary[variable].coded_levels
    if level not in levels:
        raise DataError(
            f"the dictionary gives `{variable}` no level `{level}`.",
            where="the specification",
            remedy="Compare the site's dictionary with the coordinator's.",
        )
    return np.asarray(table.codes[variable] == levels.index(level))


def _finite(values: Vector, table: Table, name: str) -> Vector:
    bad = ~np.isfinite(values)
    if bad.any():
        raise RowError(
            "it cannot be computed in every row: a logarithm or root of a number below its range, a division by zero, "
            "or an overflow.",
            row=table.row_number(int(bad.argmax())),
            where=name,
            remedy="Transform the variable otherwise, or mend the data.",
            code="not_finite",
        )
    return values


def _factor(factor: Factor, table: Table, dictionary: Dictionary, name: str) -> Vector:
    match factor:
        case NumericFactor(expression=expression):
            return _evaluate(expression, table, dictionary)
        case LevelFactor(variable=variable, level=level):
            return level_indicator(variable, level, table, dictionary).astype(np.float64)
        case TruthFactor(expression=expression, value=value):
            truth = _evaluate(expression, table, dictionary)
            return np.where(np.isnan(truth), np.nan, truth == float(value))
        case ContrastFactor(variable=variable, level=level, against=against):
            has, has_not = (level_indicator(variable, one, table, dictionary) for one in (level, against))
            return np.subtract(has, has_not, dtype=np.float64)
        case SplineFactor():
            return _spline(factor, table, dictionary, name)


def _spline(factor: SplineFactor, table: Table, dictionary: Dictionary, name: str) -> Vector:
    x = _evaluate(factor.expression, table, dictionary)
    if factor.spline.basis == "bs":
        refuse_rows(
            beyond_boundary(factor.spline, x),
            table,
            "a value beyond the boundary knots, where a B-spline means nothing",
            where=name,
            remedy="Widen `Boundary.knots`, or the variable's `range` in the dictionary; or use `ns`, which goes on linearly.",
            code="beyond_boundary",
            computed=True,
        )
    return spline_column(factor.spline, factor.index, x)


def _evaluate(expression: Expression, table: Table, dictionary: Dictionary) -> Vector:  # noqa: PLR0911 -- one return a case
    match expression:
        case VariableRef(name=name):
            return _numbers(name, table)
        case Number(value=value):
            return np.full(table.rows, value)
        case Negative(argument=argument):
            return -_evaluate(argument, table, dictionary)
        case Call(function=function, argument=argument):
            return _FUNCTIONS[function](_evaluate(argument, table, dictionary))
        case Arithmetic(operator=operator, left=left, right=right):
            return _ARITHMETIC[operator](_evaluate(left, table, dictionary), _evaluate(right, table, dictionary))
        case Comparison(operator=comparison, left=left, right=right):
            a, b = _evaluate(left, table, dictionary), _evaluate(right, table, dictionary)
            # NumPy calls a comparison with NaN false; R calls it missing, and so do we
            return np.where(np.isnan(a) | np.isnan(b), np.nan, _COMPARISONS[comparison](a, b))
        case LevelTest(operator=test, variable=variable, level=level):
            has = level_indicator(variable, level, table, dictionary)
            return (has if test == "==" else ~has).astype(np.float64)


def _numbers(name: str, table: Table) -> Vector:
    if name not in table.numbers:
        raise DataError(
            "the specification computes with a variable that is not a number.",
            where=f"`{name}`",
            remedy="Use it as a factor, or compare it with one of its levels.",
        )
    return table.numbers[name]
