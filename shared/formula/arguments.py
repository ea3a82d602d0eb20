"""The arguments of the calls that take more than one: which is which, by R's rule, and the constants they hold."""

from collections.abc import Mapping

from shared.formula.syntax import Node, deparse, wrong

SIGNATURES: Mapping[str, tuple[str, ...]] = {
    "poly": ("x", "degree", "raw"),
    "bs": ("x", "df", "knots", "degree", "intercept", "Boundary.knots"),
    "ns": ("x", "df", "knots", "intercept", "Boundary.knots"),
    "scale": ("x", "center", "scale"),
    "C": ("object", "contr"),
}
"""The names of the arguments, in R's order; the first must be there."""
_BY_NAME_ONLY = frozenset({"raw"})


def arguments(call: Node) -> dict[str, Node]:
    """The arguments of a call by their names: those without one take the places that are left, in order.

    Raises:
        FormulaError: there is no such argument, one is given twice, there are too many, or the first is missing.
    """
    names = SIGNATURES[call.value]
    usage = f"Its arguments: {', '.join(names)}."
    found: dict[str, Node] = {}
    for node in call.operands:
        if node.kind == "argument":
            if node.value not in names:
                raise wrong(node, f"`{call.value}` has no argument `{node.value}` here.", usage)
            if node.value in found:
                raise wrong(node, f"`{node.value}` is given twice.", "Give it once.")
            found[node.value] = node.operands[0]
    left = iter([name for name in names if name not in found and name not in _BY_NAME_ONLY])
    for node in call.operands:
        if node.kind != "argument":
            name = next(left, None)
            if name is None:
                raise wrong(
                    node, f"`{call.value}` has no place for this argument.", f"{usage} Name those that you mean."
                )
            found[name] = node
    if names[0] not in found:
        raise wrong(call, f"`{call.value}` is given nothing to work on.", f"Write `{call.value}(x, ...)`.")
    return found


def truth(node: Node) -> bool:
    """TRUE or FALSE.

    Raises:
        FormulaError: it is neither.
    """
    if node.kind != "constant":
        raise wrong(node, "TRUE or FALSE is expected here.", "Write it in full, in capitals.")
    return node.value == "TRUE"


def number(node: Node) -> float:
    """A number that is written out, perhaps with a sign.

    Raises:
        FormulaError: it is none.
    """
    match node:
        case Node(kind="number", value=value):
            return float(value)
        case Node(kind="operator", value="-" | "+" as sign, operands=(Node(kind="number", value=value),)):
            return -float(value) if sign == "-" else float(value)
    raise wrong(node, "a number is expected here.", "Write it out, as in `2.5`; nothing is computed in its place.")


def whole(node: Node, least: int, most: int) -> int:
    """A whole number within bounds.

    Raises:
        FormulaError: it is none.
    """
    value = number(node)
    if not value.is_integer() or not least <= value <= most:
        raise wrong(node, "this number cannot stand here.", f"Write a whole number from {least} to {most}.")
    return int(value)


def numbers(node: Node) -> tuple[float, ...]:
    """The numbers of `c(...)`, or a single one.

    Raises:
        FormulaError: something is no number.
    """
    if node.kind == "call" and node.value == "c":
        return tuple(number(operand) for operand in node.operands)
    if node.kind in {"number", "operator"}:
        return (number(node),)
    raise wrong(node, f"numbers are expected here, not `{deparse(node)}`.", "Write them out, as in `c(50, 65)`.")
