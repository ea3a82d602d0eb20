"""A closed grammar: text to a syntax tree, or a FormulaError that names the place. Nothing is looked up or run.

Precedence is R's, loosest first: `~`, bars, comparisons, `+ -`, `* /`, `%in%`, `:`, a sign, `^` (from the right).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast, get_args

from shared.errors import FormulaError
from shared.formula.arguments import SIGNATURES
from shared.formula.expressions import ComparisonOperator
from shared.formula.refused import FUNCTIONS, instead_of_function, instead_of_sign
from shared.formula.syntax import Node, NodeKind, place

LONGEST = 4000
"""Characters of a formula."""
DEEPEST = 40
"""Levels of nesting: parentheses, calls and operators inside operators."""
COMPARISONS = frozenset(get_args(ComparisonOperator))
BARS = frozenset({"|", "||"})
CONSTANTS = frozenset({"TRUE", "FALSE"})

_BAR, _COMPARISON, _SUM, _PRODUCT, _IN, _COLON, _SIGN, _POWER = range(1, 9)
_BINDING = (
    dict.fromkeys(BARS, _BAR)
    | dict.fromkeys(COMPARISONS, _COMPARISON)
    | {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%in%": _IN, ":": _COLON, "^": _POWER}
)

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[A-Za-z.][A-Za-z0-9._]*)
    |(?P<quoted>`[^`\\\n\0]+`)
    |(?P<text>"[^"\\\n\0]*"|'[^'\\\n\0]*')
    |(?P<refused>::|<-)
    |(?P<operator>%in%|\|\||[<>=!]=|[-+*/^:()|,~<>=])""",
    re.VERBOSE,
)
_DUNDER = re.compile(r"(^|\.)__|__$")

TokenKind = Literal["number", "name", "quoted", "text", "operator", "end"]


@dataclass(frozen=True)
class Formula:
    """The two sides of a formula."""

    response: Node
    right: Node


@dataclass(frozen=True)
class _Token:
    kind: TokenKind
    text: str
    position: int


def parse(text: str) -> Formula:
    """The syntax tree of a formula.

    Raises:
        FormulaError: it is none, or is longer or deeper than a formula may be.
    """
    _check_length(text)
    return _Parser(_tokens(text)).formula()


def parse_expression(text: str) -> Node:
    """The syntax tree of an expression that stands alone, as in the dictionary.

    Raises:
        FormulaError: it is none, or is longer or deeper than a formula may be.
    """
    _check_length(text)
    return _Parser(_tokens(text)).alone()


def _check_length(text: str) -> None:
    if len(text) > LONGEST:
        raise FormulaError(f"the formula is longer than {LONGEST} characters.", where="formula", remedy="Shorten it.")


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup == "refused":
            sign = found.group() if found else text[position]
            shown = sign if sign.isprintable() else ascii(sign)
            raise _error(position, shown, "this has no meaning in a formula.", instead_of_sign(sign))
        if found.lastgroup != "space":
            tokens.append(_Token(cast("TokenKind", found.lastgroup), found.group(), position))
        position = found.end()
    return [*tokens, _Token("end", "", len(text))]


def _error(position: int, text: str, message: str, remedy: str) -> FormulaError:
    return FormulaError(message, where=place(position, text or "the end"), remedy=remedy)


class _Parser:
    """Reads the tokens from left to right; an operator takes what binds tighter than itself as its right operand."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._index = 0

    def formula(self) -> Formula:
        if self._next.text == "~":
            raise self._unexpected("Name the response first, as in `death ~ treatment`.")
        response = self._expression(0, 0)
        self._expect("~", "A formula has the form `response ~ terms`.")
        return Formula(response, self.alone())

    def alone(self) -> Node:
        """One expression, and then the end."""
        node = self._expression(0, 0)
        if self._next.kind != "end":
            raise self._unexpected("An operator such as `+`, or the end, is expected here.")
        return node

    @property
    def _next(self) -> _Token:
        return self._tokens[self._index]

    def _advance(self) -> _Token:
        token = self._next
        self._index = min(self._index + 1, len(self._tokens) - 1)
        return token

    def _expect(self, sign: str, remedy: str) -> None:
        if self._next.text != sign:
            raise self._unexpected(remedy)
        self._advance()

    def _unexpected(self, remedy: str) -> FormulaError:
        token = self._next
        what = "the formula ends too early." if token.kind == "end" else f"`{token.text}` cannot stand here."
        return _error(token.position, token.text, what, instead_of_sign(token.text, remedy))

    def _node(self, kind: NodeKind, value: str, position: int, *operands: Node) -> Node:
        node = Node(kind, value, position, operands)
        self._check_depth(node.height)
        return node

    def _check_depth(self, depth: int) -> None:
        if depth > DEEPEST:
            token = self._next
            raise _error(token.position, token.text, f"the nesting is deeper than {DEEPEST}.", "Write it flatter.")

    def _expression(self, floor: int, depth: int) -> Node:
        """What binds tighter than `floor`."""
        self._check_depth(depth)
        left = self._prefix(depth)
        while (binding := _BINDING.get(self._next.text, 0)) > floor:
            left = self._sum(left, depth) if binding == _SUM else self._binary(left, binding, depth)
        return left

    def _sum(self, first: Node, depth: int) -> Node:
        operands = [first]
        while (sign := self._next).text in {"+", "-"}:
            self._advance()
            operand = self._expression(_SUM, depth + 1)
            operands.append(operand if sign.text == "+" else self._node("subtracted", "-", sign.position, operand))
        return self._node("sum", "+", first.position, *operands)

    def _binary(self, left: Node, binding: int, depth: int) -> Node:
        if binding == _COMPARISON and left.kind == "operator" and left.value in COMPARISONS:
            raise self._unexpected("Compare two things at a time.")
        sign = self._advance().text
        right = self._expression(binding - 1 if sign == "^" else binding, depth + 1)
        return self._node("operator", sign, left.position, left, right)

    def _prefix(self, depth: int) -> Node:
        token = self._next
        match token.kind, token.text:
            case "number", _:
                return self._number()
            case "name" | "quoted", _:
                return self._name(depth)
            case "text", _:
                self._advance()
                return self._node("text", token.text[1:-1], token.position)
            case "operator", "(":
                self._advance()
                inner = self._expression(0, depth + 1)
                self._expect(")", "A `)` is expected here.")
                return self._node("group", "(", token.position, inner)
            case "operator", "+" | "-":
                self._advance()
                return self._node("operator", token.text, token.position, self._expression(_SIGN, depth + 1))
        raise self._unexpected("A variable, a number, a function or `(` is expected here.")

    def _number(self) -> Node:
        token = self._advance()
        if float(token.text) == float("inf"):
            raise _error(token.position, token.text, "the number is too large.", "Numbers go up to about 1e308.")
        return self._node("number", token.text, token.position)

    def _name(self, depth: int) -> Node:
        token = self._advance()
        name = token.text.strip("`")
        if name == ".":
            raise _error(token.position, ".", "`.` would mean all other variables.", "Name the variables.")
        if _DUNDER.search(name):
            raise _error(token.position, name, "this is no variable's name.", "Use the dictionary's names.")
        if self._next.text == "(" and token.kind == "name":
            return self._call(token, depth)
        return self._node("name", name, token.position)

    def _call(self, token: _Token, depth: int) -> Node:
        name = token.text
        if name not in FUNCTIONS:
            raise _error(token.position, f"{name}(", *instead_of_function(name))
        if name in SIGNATURES:
            return self._node("call", name, token.position, *self._listed(self._argument, depth))
        arguments = self._listed(self._operand, depth)
        expected = 2 if name == "cbind" else 1
        if len(arguments) != expected:
            remedy = "`cbind(successes, failures)`; a function of numbers takes one argument (log2 and log10 exist)."
            raise _error(token.position, f"{name}(", f"`{name}` takes {expected}, not {len(arguments)}.", remedy)
        return self._node("call", name, token.position, *arguments)

    def _listed(self, read: Callable[[int], Node], depth: int) -> list[Node]:
        """What stands between parentheses, separated by commas."""
        self._expect("(", "A `(` is expected here.")
        items = [read(depth + 1)]
        while self._next.text == ",":
            self._advance()
            items.append(read(depth + 1))
        self._expect(")", "A `)` is expected here.")
        return items

    def _operand(self, depth: int) -> Node:
        return self._expression(0, depth)

    def _argument(self, depth: int) -> Node:
        """A value, or `name = value`."""
        token = self._next
        if token.kind != "name" or self._tokens[self._index + 1].text != "=":
            return self._value(depth)
        self._advance()
        self._advance()
        return self._node("argument", token.text, token.position, self._value(depth + 1))

    def _value(self, depth: int) -> Node:
        """TRUE, FALSE, `c(...)`, or whatever an operand can be."""
        token = self._next
        if token.kind == "name" and token.text in CONSTANTS:
            self._advance()
            return self._node("constant", token.text, token.position)
        if token.kind == "name" and token.text == "c" and self._tokens[self._index + 1].text == "(":
            self._advance()
            return self._node("call", "c", token.position, *self._listed(self._operand, depth))
        return self._operand(depth)
