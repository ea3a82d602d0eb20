"""What a formula may compute from columns: a closed set of frozen values, safe to send to a site as JSON.

A site evaluates these values against its own columns (site_node/data/design.py). Nothing here is text to be run.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from shared.formula.splines import Spline

FunctionName = Literal["log", "log1p", "log2", "log10", "exp", "sqrt", "abs"]
ArithmeticOperator = Literal["+", "-", "*", "/", "^"]
ComparisonOperator = Literal["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True)
class VariableRef:
    """A variable of the dictionary, by name."""

    name: str
    kind: Literal["variable"] = "variable"


@dataclass(frozen=True)
class Number:
    """A literal number."""

    value: float
    kind: Literal["number"] = "number"


@dataclass(frozen=True)
class Negative:
    """Minus an expression."""

    argument: "Expression"
    kind: Literal["negative"] = "negative"


@dataclass(frozen=True)
class Call:
    """One of the known elementwise functions, of one argument."""

    function: FunctionName
    argument: "Expression"
    kind: Literal["call"] = "call"


@dataclass(frozen=True)
class Arithmetic:
    """Two expressions joined by an arithmetic operator; `^` is a power."""

    operator: ArithmeticOperator
    left: "Expression"
    right: "Expression"
    kind: Literal["arithmetic"] = "arithmetic"


@dataclass(frozen=True)
class Comparison:
    """A comparison of two numeric expressions: true or false in every row."""

    operator: ComparisonOperator
    left: "Expression"
    right: "Expression"
    kind: Literal["comparison"] = "comparison"


@dataclass(frozen=True)
class LevelTest:
    """Whether a factor has (`==`) or has not (`!=`) a level: true or false in every row."""

    operator: Literal["==", "!="]
    variable: str
    level: str
    kind: Literal["level_test"] = "level_test"


Expression: TypeAlias = Annotated[
    VariableRef | Number | Negative | Call | Arithmetic | Comparison | LevelTest, Field(discriminator="kind")
]


@dataclass(frozen=True)
class NumericFactor:
    """A numeric expression as one factor of a design column."""

    expression: Expression
    kind: Literal["numeric"] = "numeric"


@dataclass(frozen=True)
class LevelFactor:
    """1 in the rows where a factor has this level, else 0."""

    variable: str
    level: str
    kind: Literal["level"] = "level"


@dataclass(frozen=True)
class TruthFactor:
    """1 in the rows where a comparison has this truth value, else 0 (R makes a two-level factor of a comparison)."""

    expression: Expression
    value: bool
    kind: Literal["truth"] = "truth"


@dataclass(frozen=True)
class ContrastFactor:
    """1 in the rows where a factor has this level, -1 where it has the other one, else 0: a column of R's `contr.sum`."""

    variable: str
    level: str
    against: str
    kind: Literal["contrast"] = "contrast"


@dataclass(frozen=True)
class SplineFactor:
    """One column of a spline basis of a numeric expression.

    Raises:
        ValueError: the basis has no such column.
    """

    expression: Expression
    spline: Spline
    index: int
    """From 1, as in R's names."""
    kind: Literal["spline"] = "spline"

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.spline.columns:
            raise ValueError("the spline has no such column")


Factor: TypeAlias = Annotated[
    NumericFactor | LevelFactor | TruthFactor | ContrastFactor | SplineFactor, Field(discriminator="kind")
]


@dataclass(frozen=True)
class Column:
    """One column of a design matrix, by R's name for it: the product of its factors. No factor: the constant 1."""

    name: str
    factors: tuple[Factor, ...] = ()


def variables_of(part: "Expression | Factor") -> frozenset[str]:
    """The names of the variables that an expression or a factor reads."""
    match part:
        case VariableRef(name=name):
            return frozenset({name})
        case Number():
            return frozenset()
        case Negative(argument=argument) | Call(argument=argument):
            return variables_of(argument)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            return variables_of(left) | variables_of(right)
        case NumericFactor(expression=inner) | TruthFactor(expression=inner) | SplineFactor(expression=inner):
            return variables_of(inner)
        case LevelTest(variable=variable) | LevelFactor(variable=variable) | ContrastFactor(variable=variable):
            return frozenset({variable})
