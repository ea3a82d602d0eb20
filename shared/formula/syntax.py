"""The syntax tree of a formula: what stands where, before it means anything, and how R would write it."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from shared.errors import FormulaError

NodeKind = Literal["name", "number", "text", "constant", "call", "argument", "group", "sum", "subtracted", "operator"]

_SYNTACTIC = re.compile(r"(?:[A-Za-z]|\.(?![0-9]))[A-Za-z0-9._]*")
_PLACE = re.compile(r"formula, character (\d{1,9}), at ")
_TIGHT = frozenset({"^", ":", "/"})
_SHOWN = 40
"""Characters of a formula that an error shows."""


@dataclass(frozen=True)
class Node:
    """A name, number, text in quotes, call, parenthesised group, sum, or operator with one or two operands.

    Only in a call stand the constants TRUE and FALSE, and arguments with a name.
    A sum holds all of its operands, those behind a minus as `subtracted`, so that a long sum is not a deep tree.
    """

    kind: NodeKind
    value: str
    """The name, number, text, constant, function or operator; of an argument its name."""
    position: int
    """Where it begins in the formula's text, from 0."""
    operands: tuple["Node", ...] = ()

    @cached_property
    def height(self) -> int:
        """Levels of the tree."""
        return 1 + max((operand.height for operand in self.operands), default=0)

    @cached_property
    def size(self) -> int:
        """Nodes of the tree."""
        return 1 + sum(operand.size for operand in self.operands)


def deparse(node: Node) -> str:  # noqa: PLR0911 -- one return a kind of node
    """The text of a node as R's `deparse` writes it: the source of every column's name."""
    parts = [deparse(operand) for operand in node.operands]
    match node.kind:
        case "name" | "number" | "text" | "constant":
            return _leaf(node)
        case "argument":
            return f"{node.value} = {parts[0]}"
        case "call":
            return f"{node.value}({', '.join(parts)})"
        case "group":
            return f"({parts[0]})"
        case "subtracted":
            return parts[0]
        case "sum":
            signs = ("-" if operand.kind == "subtracted" else "+" for operand in node.operands[1:])
            return parts[0] + "".join(f" {sign} {part}" for sign, part in zip(signs, parts[1:], strict=True))
        case "operator" if len(parts) == 1:
            return f"{node.value}{parts[0]}"
        case "operator":
            return (node.value if node.value in _TIGHT else f" {node.value} ").join(parts)


def _leaf(node: Node) -> str:
    match node.kind:
        case "name" if not _SYNTACTIC.fullmatch(node.value):
            return f"`{node.value}`"
        case "number":
            return number_text(float(node.value))
        case "text":
            quoted = node.value.replace('"', '\\"')
            return f'"{quoted}"'
    return node.value


def number_text(value: float) -> str:
    """A number as R prints it: 15 significant digits at most, and fixed notation unless scientific is shorter."""
    mantissa, _, exponent = f"{value:.14e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    decimals = max(0, len(mantissa.replace(".", "")) - 1 - int(exponent))
    scientific, fixed = f"{mantissa}e{int(exponent):+03d}", f"{value:.{decimals}f}"
    return fixed if len(fixed) <= len(scientific) else scientific


def place(position: int, text: str) -> str:
    """A place in the formula, for an error."""
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return f"formula, character {position + 1}, at `{shown}`"


def position_in(where: str) -> int | None:
    """Where in the formula's text an error's place is, from 0; none if it is no `place`."""
    found = _PLACE.match(where)
    return int(found[1]) - 1 if found else None


def wrong(node: Node, message: str, remedy: str) -> FormulaError:
    """An error at a node."""
    return FormulaError(message, where=place(node.position, deparse(node)), remedy=remedy)
