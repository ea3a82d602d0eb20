"""What formulas are often written with and cannot be here, and what to write instead."""

from typing import get_args

from shared.formula.arguments import SIGNATURES
from shared.formula.expressions import FunctionName

FUNCTIONS = (*get_args(FunctionName), "I", "offset", "cbind", *SIGNATURES)
"""The functions of a formula."""

_IN_DICTIONARY = "Declare the variable a factor, with its levels and reference level, in the dictionary."
_PIN = (
    "Its constants would differ from site to site: "
    "write them out, as in `I((x - 50) / 10)`, or derive the variable in the dictionary."
)
_FACTORS = ("factor", "as.factor", "ordered", "relevel", "cut", "interaction", "droplevels")
_STATEFUL = ("mean", "sd", "median", "min", "max", "rank")
_SMOOTH = ("rcs", "s", "te")
_OTHERWISE = (
    dict.fromkeys(_FACTORS, _IN_DICTIONARY)
    | dict.fromkeys(_STATEFUL, _PIN)
    | dict.fromkeys(_SMOOTH, "Write a spline with agreed constants: `ns(x, df = 3)`.")
    | {"center": "Write `scale(x, scale = FALSE)`, with the dictionary's `mean`."}
)
_SIGNS = {
    "$": "Write a variable's name alone.",
    "@": "Write a variable's name alone.",
    "::": "Functions have no package here. For an interaction write `a:b`.",
    "[": "Rows and elements cannot be selected; derive the variable in the dictionary.",
    "{": "A formula holds no code.",
    ";": "A request holds one formula.",
    "=": f"To compare, write `==`; arguments with a name have {', '.join(SIGNATURES)}.",
    "<-": "There is no assignment; for `x` below minus two write `x < -2`, with a space.",
    "\\": "Levels and names are written without a backslash.",
    "_": "A name begins with a letter or a dot.",
    "!": "For `not equal` write `!=`.",
    "%": "`%in%` is the only operator of this kind.",
    '"': "The quote is not closed, or holds a backslash or a NUL.",
    "'": "The quote is not closed, or holds a backslash or a NUL.",
    "`": "The backtick is not closed, or holds a backslash or a NUL.",
}
_WHATEVER = (
    "A formula is made of names, numbers, levels in quotes, parentheses, `~ + - * / ^ : %in% |` and comparisons."
)


def instead_of_sign(sign: str, otherwise: str = _WHATEVER) -> str:
    """What to write instead of a sign."""
    return _SIGNS.get(sign, otherwise)


def instead_of_function(name: str) -> tuple[str, str]:
    """Why a function is none of a formula's, and what to write instead."""
    if name in _OTHERWISE:
        return f"`{name}` cannot be computed the same at every site.", _OTHERWISE[name]
    return f"`{name}` is not a known function.", f"The functions of a formula are: {', '.join(FUNCTIONS)}."
