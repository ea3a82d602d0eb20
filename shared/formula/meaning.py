"""What a part of a formula computes, given the dictionary: an expression that can travel to a site."""

from difflib import get_close_matches
from typing import cast, get_args

from shared.dictionary import SITE, Dictionary, Variable
from shared.formula.arguments import arguments
from shared.formula.expressions import (
    Arithmetic,
    ArithmeticOperator,
    Call,
    Comparison,
    ComparisonOperator,
    Expression,
    FunctionName,
    LevelTest,
    Negative,
    Number,
    VariableRef,
)
from shared.formula.grammar import COMPARISONS, parse_expression
from shared.formula.scaling import centre_and_scale
from shared.formula.syntax import Node, deparse, wrong

LARGEST = 60
"""Names, numbers and operators of one expression."""
_FUNCTIONS = frozenset(get_args(FunctionName))


def variable_of(node: Node, dictionary: Dictionary) -> Variable:
    """The variable that a name means.

    Raises:
        FormulaError: the dictionary has none of this name.
    """
    if node.value in dictionary:
        return dictionary[node.value]
    if node.value == SITE:
        raise wrong(node, f"`{SITE}` is the grouping factor and no variable.", f"Write `(1 | {SITE})`.")
    names = [variable.name for variable in dictionary.variables]
    nearest = get_close_matches(node.value, names, n=1)
    guess = f"Did you mean `{nearest[0]}`? " if nearest else ""
    raise wrong(node, "the dictionary has no such variable.", f"{guess}It has: {', '.join(names)}.")


def expression(node: Node, dictionary: Dictionary) -> Expression:
    """What a variable of a term, or a response, computes: a number, or the truth of a comparison.

    Raises:
        FormulaError: it mixes what cannot be mixed, or names what is not in the dictionary.
    """
    bare = node
    while bare.kind == "group" or (bare.kind == "call" and bare.value == "I"):
        bare = bare.operands[0]
    if bare.kind == "operator" and bare.value in COMPARISONS:
        return _comparison(bare, dictionary)
    return numeric(bare, dictionary)


def value_of(variable: Variable, dictionary: Dictionary) -> Expression:
    """What a number of the dictionary computes: its column, or what it is derived from.

    Raises:
        FormulaError: what it is derived from mixes what cannot be mixed, or names what is not in the dictionary.
    """
    if variable.derived is None:
        return VariableRef(variable.name)
    return expression(parse_expression(variable.derived), dictionary)


def numeric(node: Node, dictionary: Dictionary) -> Expression:
    """What a part of a formula computes when it is a number in every row.

    Raises:
        FormulaError: it is not, or it is too large.
    """
    if node.size > LARGEST:
        raise wrong(node, f"the expression has more than {LARGEST} parts.", "Derive a variable in the dictionary.")
    return _number(node, dictionary)


def _number(node: Node, dictionary: Dictionary) -> Expression:  # noqa: PLR0911 -- one return a kind of node
    match node:
        case Node(kind="name"):
            return _numeric_variable(node, dictionary)
        case Node(kind="number"):
            return Number(float(node.value))
        case (
            Node(kind="group" | "subtracted", operands=(inner,))
            | Node(kind="call", value="I", operands=(inner,))
            | Node(kind="operator", value="+", operands=(inner,))
        ):
            return _number(inner, dictionary)
        case Node(kind="call", value="scale"):
            return _scaled(node, dictionary)
        case Node(kind="call", value=function, operands=(argument,)) if function in _FUNCTIONS:
            return Call(cast("FunctionName", function), _number(argument, dictionary))
        case Node(kind="operator", value="-", operands=(argument,)):
            return Negative(_number(argument, dictionary))
        case Node(kind="operator", value="*" | "/" | "^" as operator, operands=(left, right)):
            sign = cast("ArithmeticOperator", operator)
            return Arithmetic(sign, _number(left, dictionary), _number(right, dictionary))
        case Node(kind="sum", operands=(first, *rest)):
            total = _number(first, dictionary)
            for part in rest:
                total = Arithmetic("-" if part.kind == "subtracted" else "+", total, _number(part, dictionary))
            return total
    remedy = "Arithmetic has numbers, numeric variables, + - * / ^ and functions; derive the rest in the dictionary."
    raise wrong(node, f"{_name_of(node)} has no place inside arithmetic.", remedy)


def _scaled(node: Node, dictionary: Dictionary) -> Expression:
    given = arguments(node)
    value = _number(given["x"], dictionary)
    centre, scale = centre_and_scale(given, dictionary)
    if centre is not None:
        value = Arithmetic("-", value, Number(centre))
    return value if scale is None else Arithmetic("/", value, Number(scale))


def _name_of(node: Node) -> str:
    if node.kind == "text":
        return "a level"
    return "a comparison" if node.value in COMPARISONS else f"`{node.value}`"


def _numeric_variable(node: Node, dictionary: Dictionary) -> Expression:
    variable = variable_of(node, dictionary)
    if variable.type == "factor":
        level = variable.coded_levels[-1]
        raise wrong(node, "a factor is no number.", f'For one level write `{deparse(node)} == "{level}"`.')
    if variable.type == "group":
        remedy = f"It can only stand behind a bar: `(1 | {deparse(node)})`."
        raise wrong(node, "a group's values never leave a site, so it has no effect of its own.", remedy)
    return value_of(variable, dictionary)


def _comparison(node: Node, dictionary: Dictionary) -> Expression:
    left, right = node.operands
    if left.kind != "text" and right.kind != "text":
        operator = cast("ComparisonOperator", node.value)
        return Comparison(operator, numeric(left, dictionary), numeric(right, dictionary))
    if left.kind != "name" or right.kind != "text" or node.value not in {"==", "!="}:
        raise wrong(node, "a level is compared with a factor, by == or !=.", 'Write `f == "level"`.')
    variable = variable_of(left, dictionary)
    if right.value not in variable.levels:
        levels = ", ".join(variable.levels) or "none: it is not a factor"
        raise wrong(right, f"`{variable.name}` has no such level.", f"Its levels: {levels}.")
    return LevelTest("==" if node.value == "==" else "!=", variable.name, right.value)
