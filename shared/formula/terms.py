"""A formula's right-hand side as R's `terms.formula` expands it: terms, intercept, offset, random-effect bars.

A term is a set of variables; a variable is a name, a call or a comparison, known by R's text for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.formula.grammar import BARS, COMPARISONS
from shared.formula.syntax import Node, deparse, wrong

MOST_TERMS = 20_000
"""Terms that one formula may pass through while it is expanded."""

_MISPLACED = {
    "number": (
        "a number is no term.",
        "0 and 1 switch the intercept, as summands of their own; for arithmetic write `I(x / 10)`.",
    ),
    "text": ("a level is no term.", 'Compare a factor with it: `f == "level"`.'),
    "offset": ("an offset is added by itself.", "Write `+ offset(...)`."),
    "cbind": ("cbind() is a response.", "Write `cbind(successes, failures) ~ ...`."),
    "bar": ("a random-effect term stands in parentheses, by itself.", "Write `+ (1 + x | g)`."),
    "sign": ("a sign has no meaning here.", "For arithmetic write `I(-x)`; to remove a term, `- x`."),
}
"""What stands in a term and must not, and what to do."""

_Term = frozenset[str]
_Expanded = dict[_Term, None]
"""Terms in order, without repetition."""


@dataclass(frozen=True)
class Terms:
    """Fixed terms, or one bar's: each a tuple of keys into `variables`, in the order of their first appearance."""

    variables: Mapping[str, Node]
    terms: tuple[tuple[str, ...], ...]
    intercept: bool = True
    offset: Node | None = None
    bars: tuple["Bar", ...] = ()


@dataclass(frozen=True)
class Bar:
    """`(terms | group)`, or `(terms || group)`, which is uncorrelated."""

    terms: Terms
    group: Node
    correlated: bool
    node: Node


def expand(right: Node) -> Terms:
    """The terms of a formula's right-hand side.

    Raises:
        FormulaError: something stands where it has no meaning, or there are far too many terms.
    """
    expansion = _Expansion()
    terms = expansion.summands(right)
    order = {label: place for place, label in enumerate(expansion.variables)}
    offsets = tuple(expansion.offsets)
    return Terms(
        variables=expansion.variables,
        terms=tuple(tuple(sorted(term, key=order.__getitem__)) for term in sorted(terms, key=len)),
        intercept=expansion.intercept,
        offset=Node("sum", "+", offsets[0].position, offsets) if offsets[1:] else next(iter(offsets), None),
        bars=tuple(expansion.bars),
    )


class _Expansion:
    """What is collected on the way: variables, offsets, bars, and whether there is an intercept."""

    def __init__(self) -> None:
        self.variables: dict[str, Node] = {}
        self.offsets: list[Node] = []
        self.bars: list[Bar] = []
        self.intercept = True
        self._adding = True
        self._passed = 0

    def summands(self, node: Node) -> _Expanded:  # noqa: PLR0911 -- one return a kind of node
        """The terms of something that is added or removed as a whole."""
        match node:
            case Node(kind="sum", operands=operands):
                return self._sum(operands)
            case Node(kind="operator", value="+", operands=(operand,)):
                return self.summands(operand)
            case Node(kind="operator", value="-", operands=(operand,)):
                self._removed(operand)
                return {}
            case Node(kind="number", value=value) if float(value) in {0.0, 1.0}:
                self.intercept = (float(value) == 1.0) == self._adding
                return {}
            case Node(kind="call", value="offset", operands=(offset,)):
                self._require_adding(node)
                self.offsets.append(offset)
                return {}
            case Node(kind="group", operands=(Node(kind="operator", value=value),)) if value in BARS:
                self._require_adding(node)
                self.bars.append(_bar(node.operands[0]))
                return {}
            case Node(kind="group", operands=(inner,)):
                return self.summands(inner)
        return self._product(node)

    def _sum(self, operands: tuple[Node, ...]) -> _Expanded:
        result: _Expanded = {}
        for operand in operands:
            if operand.kind == "subtracted":
                for term in self._removed(operand.operands[0]):
                    result.pop(term, None)
            else:
                result |= self.summands(operand)
        return result

    def _removed(self, node: Node) -> _Expanded:
        self._adding = not self._adding
        terms = self.summands(node)
        self._adding = not self._adding
        return terms

    def _require_adding(self, node: Node) -> None:
        if not self._adding:
            raise wrong(node, "only terms and the intercept can be removed.", "Leave it out instead.")

    def _product(self, node: Node) -> _Expanded:
        """The terms of an operand of `* / : ^ %in%`, or of a single variable."""
        match node:
            case Node(kind="operator", value="^", operands=(base, exponent)):
                return self._power(self._product(base), exponent)
            case Node(kind="operator", value="*" | "/" | ":" | "%in%", operands=(first, second)):
                return self._interaction(node, self._product(first), self._product(second))
            case Node(kind="group", operands=(Node(kind="sum", operands=operands),)):
                return {term: None for operand in operands for term in self._operand(operand)}
            case Node(kind="group", operands=(inner,)):
                return self._product(inner)
        return self._variable(node)

    def _interaction(self, node: Node, left: _Expanded, right: _Expanded) -> _Expanded:
        match node.value:
            case "*":
                return left | right | self._cross(left, right, node)
            case "/":
                return left | self._cross(_joined(left), right, node)
            case "%in%":
                return self._cross(left, _joined(right), node)
        return self._cross(left, right, node)

    def _operand(self, node: Node) -> _Expanded:
        if node.kind == "subtracted":
            raise wrong(node, "nothing can be removed inside a product.", "Remove terms at the end: `a * b - a:b`.")
        return self._product(node)

    def _power(self, base: _Expanded, exponent: Node) -> _Expanded:
        if exponent.kind != "number" or float(exponent.value) < 2 or not float(exponent.value).is_integer():  # noqa: PLR2004 -- R's rule
            raise wrong(exponent, "a power of terms is a whole number from 2.", "For a square write `I(x^2)`.")
        power = base
        for _ in range(int(float(exponent.value)) - 1):
            larger = self._cross(base, power, exponent)
            if larger == power:
                break
            power = larger
        return power

    def _cross(self, left: _Expanded, right: _Expanded, node: Node) -> _Expanded:
        self._passed += len(left) * len(right)
        if self._passed > MOST_TERMS:
            raise wrong(node, "this expands to far too many terms.", "Name the interactions that you mean.")
        return dict.fromkeys(one | other for one in left for other in right)

    def _variable(self, node: Node) -> _Expanded:
        if misplaced := _misplaced(node):
            raise wrong(node, *_MISPLACED[misplaced])
        label = deparse(node)
        # R numbers the variables before it removes terms, and a plain name is numbered where it is first added.
        if self._adding or node.kind != "name":
            self.variables.setdefault(label, node)
        return {frozenset({label}): None}


def _joined(terms: _Expanded) -> _Expanded:
    return {frozenset[str]().union(*terms): None}


def _misplaced(node: Node) -> str | None:
    """Why a node is no variable of a term, as a key of _MISPLACED."""
    match node:
        case Node(kind="number" | "text"):
            return node.kind
        case Node(kind="call", value="offset" | "cbind"):
            return node.value
        case Node(kind="operator", value=value) if value not in COMPARISONS:
            return "bar" if value in BARS else "sign"
    return None


def _bar(bar: Node) -> Bar:
    left, group = bar.operands
    terms = expand(left)
    if terms.bars or terms.offset:
        raise wrong(bar, "a random-effect term holds neither an offset nor another one.", "Add it by itself.")
    return Bar(terms, group, bar.value == "|", bar)
