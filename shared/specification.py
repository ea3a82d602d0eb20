"""What is fitted, settled to the last constant before the first number is asked for.

An AnalysisRequest is what the analyst wrote. The coordinator resolves it against the dictionary into a Specification:
terms, pinned levels and coding, column names, family, roster, settings. It is frozen and hashed; sites see it, hold it
against their own dictionary, and approve it or refuse.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from shared import examples
from shared.dictionary import SITE, VariableName
from shared.families import DISPERSION, LINKS, FamilyName, LinkName
from shared.formula.expressions import (
    Arithmetic,
    Call,
    Column,
    Comparison,
    ContrastFactor,
    Expression,
    LevelFactor,
    Negative,
)
from shared.parameters import ParameterLayout, Term
from shared.request import LARGEST_SD, MOST_ROUNDS, SMALLEST_SD, Frozen, QuadraturePoints, SiteName

PROTOCOL_VERSION: Literal[3] = 3

MOST_FIXED, MOST_RANDOM = 1000, 20
"""Columns of X and of Z."""
MOST_FACTORS = 12
"""Factors of one column."""
LONGEST_NAME = 400
"""Characters of a column's name."""
LARGEST_EXPRESSION = 80
"""Variables, numbers, functions and operators of one expression."""
MOST_GROUPINGS = 2
"""Grouping factors of one model, one inside the other."""


def _parts(expression: Expression) -> int:
    match expression:
        case Negative(argument=argument) | Call(argument=argument):
            return 1 + _parts(argument)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            return 1 + _parts(left) + _parts(right)
    return 1


def _bounded(expression: Expression) -> Expression:
    if _parts(expression) > LARGEST_EXPRESSION:
        raise ValueError(f"an expression has more than {LARGEST_EXPRESSION} parts")
    return expression


def _sound(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    _unique([column.name for column in columns])
    for column in columns:
        if len(column.name) > LONGEST_NAME:
            raise ValueError(f"a column's name has more than {LONGEST_NAME} characters")
        if len(column.factors) > MOST_FACTORS:
            raise ValueError(f"a column is a product of more than {MOST_FACTORS} factors")
        for factor in column.factors:
            if not isinstance(factor, LevelFactor | ContrastFactor):
                _bounded(factor.expression)
    return columns


def _unique(names: Sequence[str]) -> Sequence[str]:
    if len(set(names)) != len(names):
        raise ValueError("a name appears twice")
    return names


Columns = Annotated[tuple[Column, ...], AfterValidator(_sound)]
BoundedExpression = Annotated[Expression, AfterValidator(_bounded)]


class CountsResponse(Frozen):
    """Successes and failures in each row, as `cbind(successes, failures)`."""

    kind: Literal["counts"] = Field(default="counts", description="which kind of response it is", examples=["counts"])
    successes: BoundedExpression = Field(description="events", examples=[examples.VARIABLE])
    failures: BoundedExpression = Field(description="trials without an event", examples=[examples.VARIABLE])


class EventResponse(Frozen):
    """A two-level factor; the second level in coding order is the event."""

    kind: Literal["event"] = Field(default="event", description="which kind of response it is", examples=["event"])
    variable: VariableName = Field(description="the factor", examples=["outcome"])
    event: str = Field(description="the level that counts as 1", examples=["died"])


class NumericResponse(Frozen):
    """A number in each row.

    0/1 or a proportion (binomial), a count (poisson, negative_binomial), any (gaussian), above zero (gamma, inverse_gaussian).
    """

    kind: Literal["numeric"] = Field(
        default="numeric", description="which kind of response it is", examples=["numeric"]
    )
    expression: BoundedExpression = Field(description="what is computed in each row", examples=[examples.VARIABLE])


Response = Annotated[CountsResponse | EventResponse | NumericResponse, Field(discriminator="kind")]


Grouping = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z.][A-Za-z0-9._]*(:[A-Za-z.][A-Za-z0-9._]*)*$", max_length=400)
]


class RandomTerm(Frozen):
    """Random effects that covary with each other: of `site`, or of a column inside the sites whose values never leave them."""

    group: Grouping = Field(
        description="`site`, a variable, or several variables joined by colons",
        examples=["site", "clinic", "ward:clinic"],
    )
    columns: Columns = Field(
        min_length=1, max_length=MOST_RANDOM, description="a column an effect", examples=[[examples.INTERCEPT]]
    )
    correlated: bool = Field(default=True, description="false for `||`", examples=[True, False])
    sd: float | None = Field(
        default=None,
        ge=SMALLEST_SD,
        le=LARGEST_SD,
        description="a known standard deviation, not estimated",
        examples=[None, 1.0],
    )

    @field_validator("sd")
    @classmethod
    def _of_one_column(cls, sd: float | None, info: ValidationInfo) -> float | None:
        if sd is not None and len(info.data.get("columns", ())) > 1:
            raise ValueError("a standard deviation can be known for a single random effect only")
        return sd


class Specification(Frozen):
    """The resolved analysis. Two specifications with the same hash are the same analysis."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SPECIFICATION]})

    protocol_version: Literal[3] = Field(
        default=PROTOCOL_VERSION,
        description="of the messages between coordinator and sites",
        examples=[PROTOCOL_VERSION],
    )
    formula: str = Field(description="as the analyst wrote it, for people", examples=["death ~ treatment + (1 | site)"])
    family: FamilyName = Field(description="of the response", examples=["binomial", "negative_binomial"])
    link: LinkName = Field(description="one of the family's", examples=["logit", "cloglog"])
    response: Response = Field(description="what is explained", examples=[examples.RESPONSE])
    fixed: Columns = Field(
        min_length=1,
        max_length=MOST_FIXED,
        description="columns of X by R's names, each a product of factors whose constants are pinned",
        examples=[[examples.INTERCEPT, examples.LEVEL]],
    )
    offset: BoundedExpression | None = Field(
        default=None, description="added to the predictor", examples=[None, examples.LOG_EXPOSURE]
    )
    weights: VariableName | None = Field(
        default=None, description="prior weights; binomial sizes of a proportion", examples=[None, "patients"]
    )
    random: tuple[RandomTerm, ...] = Field(
        default=(),
        max_length=MOST_RANDOM,
        description="random terms; of two grouping factors those of the one whose groups hold the other's first",
        examples=[examples.NESTED],
    )
    quadrature_points: QuadraturePoints = Field(
        default=1, description="1 is the Laplace approximation", examples=[1, 25, "auto"]
    )
    reml: bool = Field(default=False, description="whether the restricted likelihood is maximised", examples=[False])
    masked: bool = Field(
        default=False, description="whether sites answer under masks that cancel in the sum", examples=[False, True]
    )
    roster: Annotated[tuple[SiteName, ...], AfterValidator(_unique)] = Field(
        min_length=1, description="the sites that take part", examples=[["North", "South"]]
    )
    dictionary_sha256: str = Field(description="of the agreed dictionary", examples=["b5b3fafc..."])
    tolerance: float = Field(description="of the Newton decrement", examples=[1e-16])
    max_rounds: int = Field(ge=1, le=MOST_ROUNDS, description="rounds that a site answers at most", examples=[50])
    confidence_level: float = Field(description="of the reported intervals", examples=[0.95])
    title: str = Field(default="", description="for people", examples=["Deaths within 30 days"])

    @field_validator("link")
    @classmethod
    def _of_family(cls, link: LinkName, info: ValidationInfo) -> LinkName:
        family: FamilyName | None = info.data.get("family")
        if family is not None and link not in LINKS[family]:
            raise ValueError(f"the family {family} has the links {', '.join(LINKS[family])}")
        return link

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        effects = sum(len(term.columns) for term in self.random)
        if effects > MOST_RANDOM:
            raise ValueError(f"there are more than {MOST_RANDOM} random effects")
        groups = [term.group for term in self.random]
        if groups != sorted(groups, key=self.groupings.index) or len(self.groupings) > MOST_GROUPINGS:
            raise ValueError("random terms of more than two grouping factors, or in disorder")
        if any(term.sd is not None for term in self.random) and effects > 1:
            raise ValueError("a standard deviation can be known of the only random effect")
        if self.quadrature_points != 1 and (effects != 1 or self.reml):
            raise ValueError("quadrature is for one random effect a group, and not for REML")
        if self.reml and (self.family != "gaussian" or any(term.sd is not None for term in self.random)):
            raise ValueError("REML is for gaussian models without a known standard deviation")
        return self

    @property
    def sha256(self) -> str:
        """The hash that sites and coordinator compare: of the canonical JSON."""
        return sha256_of(self)

    @property
    def groupings(self) -> tuple[str, ...]:
        """The grouping factors; of two, the one whose groups hold the other's first."""
        return tuple(dict.fromkeys(term.group for term in self.random))

    @property
    def site_effects(self) -> tuple[str, ...]:
        """The random effects of the site itself, by their columns' names."""
        return tuple(column.name for term in self.random if term.group == SITE for column in term.columns)

    @property
    def layout(self) -> ParameterLayout:
        """How the parameters of this analysis are packed into one vector."""
        return ParameterLayout(
            fixed=tuple(column.name for column in self.fixed),
            terms=tuple(
                Term(tuple(column.name for column in term.columns), term.correlated, term.sd, term.group)
                for term in self.random
            ),
            dispersion=DISPERSION.get(self.family, ""),
            restricted=self.reml,
        )


def sha256_of(model: BaseModel) -> str:
    """The SHA-256 of a model's JSON, whose fields always stand in the order of their declaration."""
    return hashlib.sha256(model.model_dump_json().encode()).hexdigest()
