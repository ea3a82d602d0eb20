"""`scale(x)`: the two constants that R takes from the rows, here from the dictionary or from the formula."""

from collections.abc import Mapping

from shared.dictionary import Dictionary
from shared.formula.arguments import number, truth
from shared.formula.syntax import Node, deparse, wrong

_WRITE_OUT = "write numbers that all sites share: `scale(x, center = 50, scale = 10)` or `I((x - 50) / 10)`"


def centre_and_scale(given: Mapping[str, Node], dictionary: Dictionary) -> tuple[float | None, float | None]:
    """What is subtracted and what is divided by; None where nothing is.

    Args:
        given: the arguments of the call, of which the first names nothing that the dictionary lacks.
        dictionary: the agreed means and standard deviations.

    Raises:
        FormulaError: a constant is neither written out nor agreed, or is zero where it divides.
    """
    what, center, scale = given["x"], given.get("center"), given.get("scale")
    if center is not None and not _agreed(center) and (scale is None or _agreed(scale)):
        remedy = "Write `scale` as a number, or `scale = FALSE`."
        raise wrong(center, "about another centre than the mean R divides by no standard deviation.", remedy)
    variable = dictionary[what.value] if what.kind == "name" else None
    subtracted = _constant(center, variable.mean if variable else None, "mean", what)
    divisor = _constant(scale, variable.sd if variable else None, "sd", what)
    if scale is not None and divisor == 0:
        raise wrong(scale, "nothing can be divided by zero.", "Write another number, or `scale = FALSE`.")
    return subtracted, divisor


def _agreed(node: Node) -> bool:
    """Whether an argument is TRUE: R takes the constant from the rows then, and we take the one that was agreed."""
    return node.kind == "constant" and truth(node)


def _constant(node: Node | None, agreed: float | None, field: str, what: Node) -> float | None:
    if node is not None and not _agreed(node):
        return None if node.kind == "constant" else number(node)
    if agreed is None:
        remedy = f"Agree on its `{field}` in the dictionary, or {_WRITE_OUT}."
        of = deparse(what)
        raise wrong(what, f"the dictionary has no `{field}` of `{of}`, and that of the rows differs by site.", remedy)
    return agreed
