"""Which models a site takes under its default policy (G5): nobody chooses a constant of a model freely.

Who may write any number into a model can scan a threshold, a centre or a knot over the rows, with honest steps only. So a term
is a variable of the dictionary, its `log`, `log1p`, `sqrt`, square or cube, a spline on agreed knots, or the product of two
such; constants are the dictionary's. Coordinator and sites hold a resolved specification against their dictionary by this
pure function; `policy = "open"` does not ask it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.dictionary import Dictionary, Variable
from shared.formula.expressions import (
    Arithmetic,
    Call,
    Column,
    Comparison,
    Expression,
    Factor,
    LevelTest,
    Negative,
    Number,
    NumericFactor,
    SplineFactor,
    TruthFactor,
)
from shared.formula.meaning import value_of
from shared.formula.splines import CUBIC, Spline, evenly_spaced
from shared.specification import CountsResponse, EventResponse, Response, Specification

FUNCTIONS = frozenset({"log", "log1p", "sqrt"})
POWERS = frozenset({Number(2.0), Number(3.0)})
MOST_EVEN_KNOTS = 5
"""Inner knots that need not be agreed one by one, because they are evenly spaced over the agreed range."""
MOST_IN_PRODUCT = 2
"""Variables that one column multiplies."""
SMALLEST_SD, LARGEST_SD, DIGITS = 0.01, 10.0, 2
"""Of a known standard deviation, and its significant digits."""

_INTO_DICTIONARY = (
    "Agree on it in the dictionary: as a derived variable, or as a variable's `mean`, `sd`, `range` or `knots`."
)
_TERMS = (
    "Use variables of the dictionary, their log, log1p, sqrt, square or cube, splines on agreed knots, and products of two; "
    "what else is needed can be a derived variable of the dictionary."
)


@dataclass(frozen=True)
class ModelFault:
    """Something in a model that the default policy does not take. It follows from the specification alone."""

    code: str
    where: str
    message: str
    remedy: str


def faults_of_model(specification: Specification, dictionary: Dictionary) -> tuple[ModelFault, ...]:
    """All that the default policy does not take; none if the model may be fitted.

    Args:
        specification: what is to be fitted.
        dictionary: one's own, whose hash the specification has.
    """
    agreed = _Agreed.of(dictionary)
    columns = (*specification.fixed, *(column for term in specification.random for column in term.columns))
    found = [fault for column in dict.fromkeys(columns) for fault in _column(column, agreed)]
    found += _response(specification.response, agreed)
    if specification.offset is not None:
        found += _offset(specification.offset, agreed)
    known = {term.sd for term in specification.random if term.sd is not None}
    found += [_KNOWN_SD for sd in known if not (SMALLEST_SD <= sd <= LARGEST_SD and float(f"{sd:.{DIGITS}g}") == sd)]
    return tuple(found)


_KNOWN_SD = ModelFault(
    "known_sd",
    "random_effect_sd",
    "the known standard deviation is too fine, too small or too large for the policy.",
    f"Give it with {DIGITS} digits, from {SMALLEST_SD} to {LARGEST_SD:g}, or let it be estimated.",
)


@dataclass(frozen=True)
class _Agreed:
    """What the dictionary says of numbers."""

    plain: frozenset[Expression]
    """Columns, and what is derived from them."""
    scaled: frozenset[Expression]
    """Those, also about the agreed mean and in units of the agreed standard deviation."""
    splines: frozenset[tuple[Expression, tuple[float, float], tuple[float, ...]]]
    """What a spline may be of, with its boundary and its inner knots."""

    @classmethod
    def of(cls, dictionary: Dictionary) -> "_Agreed":
        """What the dictionary agrees on for each number in it."""
        numbers = [variable for variable in dictionary.variables if variable.type in {"number", "integer"}]
        values = [(value_of(variable, dictionary), variable) for variable in numbers]
        return cls(
            frozenset(value for value, _ in values),
            frozenset(form for value, variable in values for form in _scaled(value, variable)),
            frozenset(
                (value, variable.range, knots)
                for value, variable in values
                if variable.range is not None
                for knots in (variable.knots, *(evenly_spaced(variable.range, k) for k in range(MOST_EVEN_KNOTS + 1)))
            ),
        )

    def is_term(self, expression: Expression) -> bool:
        """A number or its `log`, `log1p` or `sqrt`; or the square or cube of one."""
        match expression:
            case Arithmetic(operator="^", left=base, right=power) if power in POWERS:
                return self._is_simple(base)
        return self._is_simple(expression)

    def has_spline(self, of: Expression, spline: Spline) -> bool:
        """Whether a spline's constants are agreed."""
        return spline.degree <= CUBIC and (of, spline.boundary, spline.knots) in self.splines

    def _is_simple(self, expression: Expression) -> bool:
        match expression:
            case Call(function=function, argument=argument) if function in FUNCTIONS:
                return argument in self.plain
        return expression in self.scaled


def _scaled(value: Expression, variable: Variable) -> Iterator[Expression]:
    """What `scale()` makes of a variable."""
    centred = value if variable.mean is None else Arithmetic("-", value, Number(variable.mean))
    yield from (value, centred)
    if variable.sd is not None:
        yield from (Arithmetic("/", form, Number(variable.sd)) for form in (value, centred))


def _column(column: Column, agreed: _Agreed) -> Iterator[ModelFault]:
    where = f"column `{column.name}`"
    if len(column.factors) > MOST_IN_PRODUCT:
        message = "an interaction of more than two variables is not taken by the policy."
        yield ModelFault("interaction_order", where, message, "Keep interactions of two variables.")
    yield from (fault for factor in column.factors if (fault := _factor(factor, where, agreed)) is not None)


def _factor(factor: Factor, where: str, agreed: _Agreed) -> ModelFault | None:
    """What is wrong with one factor of a column. Indicators of agreed levels are as they are."""
    match factor:
        case NumericFactor(expression=expression) if not agreed.is_term(expression):
            return _computed(expression, where)
        case TruthFactor(expression=LevelTest()):
            return None
        case TruthFactor(expression=expression) if expression not in agreed.plain:  # a derived comparison is there
            return _computed(expression, where)
        case SplineFactor(expression=expression, spline=spline) if not agreed.has_spline(expression, spline):
            return _literal(where)
    return None


def _response(response: Response, agreed: _Agreed) -> Iterator[ModelFault]:
    """A term, the comparison with a level, or the difference or the ratio of two numbers."""
    match response:
        case EventResponse():
            return
        case CountsResponse(successes=successes, failures=failures):
            parts: tuple[Expression, ...] = (successes, failures)
        case _:
            parts = (response.expression,)
    for part in parts:
        match part:
            case LevelTest():
                continue
            case Arithmetic(operator="-" | "/", left=left, right=right) if {left, right} <= agreed.plain:
                continue
        if not agreed.is_term(part):
            yield _computed(part, "the response")


def _offset(offset: Expression, agreed: _Agreed) -> Iterator[ModelFault]:
    match offset:
        case Call(function="log", argument=argument) if argument in agreed.plain:
            return
    if _has_literal(offset):
        yield _literal("the offset")
    else:
        message = "an offset that is not the logarithm of one variable is not taken by the policy."
        yield ModelFault("computed_offset", "the offset", message, "Write `offset(log(x))` with x of the dictionary.")


def _computed(expression: Expression, where: str) -> ModelFault:
    if _has_literal(expression):
        return _literal(where)
    return ModelFault("computed_term", where, "this computation is not taken by the policy.", _TERMS)


def _literal(where: str) -> ModelFault:
    message = "it holds a constant that is not the dictionary's, and the policy takes no other."
    return ModelFault("literal_constant", where, message, _INTO_DICTIONARY)


def _has_literal(expression: Expression) -> bool:
    """Whether a number is written out, but for the powers that are taken."""
    match expression:
        case Number():
            return True
        case Negative(argument=argument) | Call(argument=argument):
            return _has_literal(argument)
        case Arithmetic(operator="^", left=left, right=right) if right in POWERS:
            return _has_literal(left)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            return _has_literal(left) or _has_literal(right)
    return False
