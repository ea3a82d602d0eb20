"""What is fitted, settled to the last constant before the first number is asked for.

An AnalysisRequest is what the analyst wrote. The coordinator resolves it against the dictionary into a Specification:
terms, pinned levels and coding, column names, family, roster, settings. It is frozen and hashed; sites see it, hold it
against their own dictionary, and approve it or refuse.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from shared import examples
from shared.dictionary import SITE, VariableName
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
from shared.parameters import Dispersion, ParameterLayout, Term

FamilyName = Literal["binomial", "poisson", "negative_binomial", "gaussian", "gamma", "inverse_gaussian"]
LinkName = Literal["logit", "probit", "cloglog", "log", "identity", "inverse"]
LINKS: dict[FamilyName, tuple[LinkName, ...]] = {
    "binomial": ("logit", "probit", "cloglog", "log"),
    "poisson": ("log",),
    "negative_binomial": ("log",),
    "gaussian": ("identity",),
    "gamma": ("log", "inverse"),
    "inverse_gaussian": ("log",),
}
"""The links that each family has, the one it has unless another is asked for first."""
DISPERSION: dict[FamilyName, Dispersion] = {
    "gaussian": "sigma",
    "gamma": "shape",
    "inverse_gaussian": "shape",
    "negative_binomial": "size",
}
"""What phi is called in the families that have one."""

SiteName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._()&+'-]{0,119}$")]

PROTOCOL_VERSION: Literal[2] = 2

MOST_FIXED, MOST_RANDOM = 1000, 20
"""Columns of X and of Z."""
MOST_FACTORS = 12
"""Factors of one column."""
LONGEST_NAME = 400
"""Characters of a column's name."""
LARGEST_EXPRESSION = 80
"""Variables, numbers, functions and operators of one expression."""
SMALLEST_SD, LARGEST_SD = 0.001, 1000.0
MOST_ROUNDS = 200
MOST_POINTS = 100
"""Nodes of quadrature, as in lme4."""
MOST_GROUPINGS = 2
"""Grouping factors of one model, one inside the other."""


def _in_one_sentence(value: Any, validated: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validated(value)
    except ValidationError:
        raise ValueError(f"the number of quadrature points is 1 to {MOST_POINTS}, or auto") from None


QuadraturePoints: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=MOST_POINTS)] | Literal["auto"], WrapValidator(_in_one_sentence)
]


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


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AnalysisRequest(_Frozen):
    """What an analyst asks for, in lme4's words."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ANALYSIS_REQUEST]})

    formula: str = Field(
        max_length=4000,
        description="as lme4 writes it",
        examples=["death ~ treatment + ns(age, df = 3) + (1 | site/clinic)"],
    )
    family: FamilyName = Field(
        default="binomial",
        description="of the response: binomial (0/1, or a proportion of sizes), poisson and negative_binomial (counts; the "
        "latter with variance mu + mu^2/size), gaussian (any number), gamma and inverse_gaussian (above zero; variance "
        "mu^2/shape and mu^3/shape)",
        examples=["binomial", "negative_binomial"],
    )
    link: LinkName | None = Field(
        default=None,
        description="binomial: logit unless given, probit, cloglog or log; gamma: log unless given (R's own default is "
        "inverse), or inverse; gaussian: identity; every other: log",
        examples=["logit", "log"],
    )
    weights: VariableName | None = Field(
        default=None, description="prior weights; binomial sizes of a proportion", examples=["patients"]
    )
    random_effect_sd: float | None = Field(
        default=None,
        ge=SMALLEST_SD,
        le=LARGEST_SD,
        description="fixes the sd of a single scalar term",
        examples=[1.0],
    )
    quadrature_points: QuadraturePoints = Field(
        default=1,
        description="of adaptive Gauss-Hermite quadrature, for one random effect a group; 1 is the Laplace approximation, "
        "and auto raises them until the log-likelihood moves by less than 1e-6 a group",
        examples=[1, 25, "auto"],
    )
    reml: bool = Field(
        default=False,
        description="the restricted likelihood of a gaussian model, in which variances are those of lmer's default",
        examples=[False, True],
    )
    sites: tuple[SiteName, ...] | None = Field(
        default=None, description="the roster; every known site unless given", examples=[["North", "South"]]
    )
    tolerance: float = Field(default=1e-16, ge=1e-24, le=1e-4, description="of the Newton decrement", examples=[1e-16])
    max_rounds: int = Field(
        default=50, ge=1, le=MOST_ROUNDS, description="rounds after which the fit ends as it stands", examples=[50]
    )
    confidence_level: float = Field(
        default=0.95, ge=0.5, le=0.9999, description="of the reported intervals", examples=[0.95]
    )
    title: str = Field(default="", max_length=200, description="for people", examples=["Deaths within 30 days"])


class CountsResponse(_Frozen):
    """Successes and failures in each row, as `cbind(successes, failures)`."""

    kind: Literal["counts"] = Field(default="counts", description="which kind of response it is", examples=["counts"])
    successes: BoundedExpression = Field(description="events", examples=[examples.VARIABLE])
    failures: BoundedExpression = Field(description="trials without an event", examples=[examples.VARIABLE])


class EventResponse(_Frozen):
    """A two-level factor; the second level in coding order is the event."""

    kind: Literal["event"] = Field(default="event", description="which kind of response it is", examples=["event"])
    variable: VariableName = Field(description="the factor", examples=["outcome"])
    event: str = Field(description="the level that counts as 1", examples=["died"])


class NumericResponse(_Frozen):
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


class RandomTerm(_Frozen):
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


class Specification(_Frozen):
    """The resolved analysis. Two specifications with the same hash are the same analysis."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SPECIFICATION]})

    protocol_version: Literal[2] = Field(
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
