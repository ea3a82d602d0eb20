"""One number as several columns: `poly(x, k, raw = TRUE)`, `bs(x, ...)` and `ns(x, ...)`, with all constants settled.

R takes boundaries and knots from the rows. No site knows the others' rows, so they are written out or agreed.
"""

from collections.abc import Mapping

from shared.dictionary import Dictionary, Variable
from shared.formula.arguments import arguments, numbers, truth, whole
from shared.formula.expressions import (
    Arithmetic,
    Column,
    Expression,
    Factor,
    Number,
    NumericFactor,
    SplineFactor,
    variables_of,
)
from shared.formula.meaning import numeric
from shared.formula.splines import CUBIC, MOST_DEGREE, MOST_KNOTS, Basis, Spline, evenly_spaced, fewest_columns, rising
from shared.formula.syntax import Node, deparse, wrong

BASES = frozenset({"poly", "bs", "ns"})

_Given = Mapping[str, Node]


def basis_columns(label: str, call: Node, dictionary: Dictionary) -> tuple[Column, ...]:
    """The columns of a basis, numbered from 1 unless there is one only, as R names them.

    Raises:
        FormulaError: a constant is missing, does not fit or is out of bounds.
    """
    given = arguments(call)
    x = numeric(given["x"], dictionary)
    if not variables_of(x):
        raise wrong(given["x"], "it reads no variable.", "Leave it out: the intercept is the constant of a model.")
    match call.value:
        case "poly":
            factors = _powers(call, given, x)
        case "bs":
            factors = _spline_factors("bs", call, given, x, dictionary)
        case _:
            factors = _spline_factors("ns", call, given, x, dictionary)
    if len(factors) == 1:
        return (Column(label, factors),)
    return tuple(Column(f"{label}{k}", (factor,)) for k, factor in enumerate(factors, start=1))


def _powers(call: Node, given: _Given, x: Expression) -> tuple[Factor, ...]:
    if "raw" not in given or not truth(given["raw"]):
        remedy = (
            f"Write `poly({deparse(given['x'])}, 2, raw = TRUE)`, or a spline: `ns({deparse(given['x'])}, df = 3)`."
        )
        raise wrong(call, "the constants of orthogonal polynomials depend on all rows of all sites.", remedy)
    degree = whole(given["degree"], 1, MOST_DEGREE) if "degree" in given else 1
    higher = (Arithmetic("^", x, Number(float(power))) for power in range(2, degree + 1))
    return tuple(NumericFactor(power) for power in (x, *higher))


def _spline_factors(
    basis: Basis, call: Node, given: _Given, x: Expression, dictionary: Dictionary
) -> tuple[Factor, ...]:
    what = given["x"]
    variable = dictionary[what.value] if what.kind == "name" else None
    degree = whole(given["degree"], 1, MOST_DEGREE) if "degree" in given else CUBIC
    intercept = "intercept" in given and truth(given["intercept"])
    boundary = _boundary(call, given, variable)
    knots = _knots(given, variable, boundary, fewest_columns(basis, degree, intercept=intercept))
    if not rising((boundary[0], *knots, boundary[1])):
        remedy = f"Write `knots = c(...)` in ascending order, between {boundary[0]:g} and {boundary[1]:g}."
        raise wrong(given.get("knots", call), "the knots do not increase between the boundary knots.", remedy)
    spline = Spline(basis, degree, knots, boundary, intercept)
    if not spline.columns:
        raise wrong(call, "it has no column.", "Write a `df` of at least 1.")
    return tuple(SplineFactor(x, spline, k) for k in range(1, spline.columns + 1))


def _boundary(call: Node, given: _Given, variable: Variable | None) -> tuple[float, float]:
    if "Boundary.knots" in given:
        node = given["Boundary.knots"]
        match numbers(node):
            case (low, high) if low < high:
                return low, high
        raise wrong(node, "the boundary knots are two numbers, the lower one first.", "As in `c(0, 100)`.")
    if variable is not None and variable.range is not None:
        low, high = variable.range
        if low < high:
            return low, high
    remedy = "Write `Boundary.knots = c(0, 100)` with numbers that all sites share"
    remedy += f", or give `{variable.name}` a `range` in the dictionary." if variable else "."
    raise wrong(call, "its boundary knots are not known, and the range of the rows differs from site to site.", remedy)


def _knots(given: _Given, variable: Variable | None, boundary: tuple[float, float], fewest: int) -> tuple[float, ...]:
    """The inner knots: written out, agreed if as many as `df` says, evenly spaced, or none."""
    agreed = variable.knots if variable else ()
    if "df" not in given:
        return _written(given["knots"]) if "knots" in given else agreed
    df = given["df"]
    if "knots" in given:
        raise wrong(df, "`knots` says how many columns there are already.", "Leave `df` out.")
    inner = whole(df, max(fewest, 1), fewest + MOST_KNOTS) - fewest
    if agreed and inner == len(agreed):
        return agreed
    return evenly_spaced(boundary, inner)


def _written(node: Node) -> tuple[float, ...]:
    knots = numbers(node)
    if len(knots) > MOST_KNOTS:
        raise wrong(node, f"a spline has at most {MOST_KNOTS} inner knots.", "Leave some out.")
    return knots
