"""What an analyst asks for, before it is held against the dictionary (specification.py)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from shared import examples
from shared.dictionary import VariableName
from shared.families import R_NAMES, FamilyName, LinkName

SiteName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._()&+'-]{0,119}$")]

SMALLEST_SD, LARGEST_SD = 0.001, 1000.0
MOST_ROUNDS = 200
MOST_POINTS = 100
"""Nodes of quadrature, as in lme4."""


def _in_one_sentence(value: Any, validated: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validated(value)
    except ValidationError:
        raise ValueError(f"the number of quadrature points is 1 to {MOST_POINTS}, or auto") from None


QuadraturePoints: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=MOST_POINTS)] | Literal["auto"], WrapValidator(_in_one_sentence)
]


def _as_named_here(value: Any) -> Any:
    return R_NAMES.get(value, value) if isinstance(value, str) else value


class Frozen(BaseModel):
    """The base of what is agreed: nothing extra, nothing that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AnalysisRequest(Frozen):
    """What an analyst asks for, in lme4's words."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ANALYSIS_REQUEST]})
    also_called: ClassVar[Mapping[str, str]] = {"nAGQ": "quadrature_points", "REML": "reml"}
    """Fields by lme4's names, which are no names here but say what was meant."""

    formula: str = Field(
        max_length=4000,
        description="as lme4 writes it",
        examples=["death ~ treatment + ns(age, df = 3) + (1 | site/clinic)"],
    )
    family: Annotated[FamilyName, BeforeValidator(_as_named_here)] = Field(
        default="binomial",
        description="of the response: binomial (0/1, or a proportion of sizes), poisson and negative_binomial (counts; the "
        "latter with variance mu + mu^2/size), gaussian (any number), gamma and inverse_gaussian (above zero; variance "
        "mu^2/shape and mu^3/shape); R's Gamma, inverse.gaussian and nbinom2 are read too",
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
