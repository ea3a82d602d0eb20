"""What a canonical result is, for whoever reads one that may have come from anywhere: its fields, and what holds between them.

Everything that a reader computes from a result that passes can be computed. Fields that nobody here reads are not looked at.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.optimisation.outcome import OutcomeKind
from shared.validation import Words, in_words

LARGEST = 1e150
"""No estimate and no standard error is larger: their squares and products are numbers."""
MOST_PARAMETERS = 10_000

Finite = Annotated[float, Field(allow_inf_nan=False)]
Moderate = Annotated[Finite, Field(ge=-LARGEST, le=LARGEST)]
Covariance = Annotated[Finite, Field(ge=-(LARGEST**2), le=LARGEST**2)]
Count = Annotated[int, Field(ge=0, le=10**15)]


def _ending(outcome: str) -> str:
    if outcome not in set(OutcomeKind):
        raise ValueError("it is no ending of an estimation")
    return outcome


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class Estimate(_Part):
    """A row of the table, in broom.mixed's columns."""

    effect: Literal["fixed", "ran_pars", "ran_vals"]
    group: str | None
    level: str | None
    term: str
    estimate: Moderate | None
    error: Annotated[float, Field(ge=0.0, le=LARGEST)] | None = Field(alias="std.error")
    statistic: Finite | None
    p: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(alias="p.value")
    low: Finite | None = Field(alias="conf.low")
    high: Finite | None = Field(alias="conf.high")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.effect != "fixed" and self.group is None:
            raise ValueError("its `group` is missing")
        if self.effect == "ran_vals" and (self.level is None or self.estimate is None):
            raise ValueError("its `level` or its `estimate` is missing")
        if self.estimate is None and self.error is not None:
            raise ValueError("it has a standard error and no estimate")
        return self


class _Dispersion(_Part):
    name: str
    value: Moderate | None


class _Glance(_Part):
    nobs: Count
    ngrps: dict[str, Count]
    npar: Annotated[int, Field(ge=0, le=MOST_PARAMETERS)]
    log_likelihood: Moderate | None = Field(alias="logLik")
    aic: Moderate | None = Field(alias="AIC")
    bic: Moderate | None = Field(alias="BIC")
    deviance: Moderate | None
    residual: Annotated[int, Field(ge=-MOST_PARAMETERS, le=10**15)] = Field(alias="df.residual")
    sigma: Moderate | None
    dispersion: _Dispersion | None


class _Covariances(_Part):
    names: list[str]
    matrix: list[list[Covariance | None]]

    @model_validator(mode="after")
    def _square(self) -> Self:
        if {len(self.names)} != {len(self.matrix), *map(len, self.matrix)}:
            raise ValueError("its matrix has not a row and a column a name")
        return self


class _Round(_Part):
    round: Count
    log_likelihood: Moderate | None = Field(alias="logLik")
    decrement: Moderate | None
    accepted: bool
    seconds: Moderate


class _Rung(_Part):
    points: Count
    change: Moderate | None = Field(alias="change_per_group")


class _Quadrature(_Part):
    points: Count
    path: list[_Rung] | None


class _Convergence(_Part):
    outcome: Annotated[str, AfterValidator(_ending)]
    advice: str
    rounds: Count
    decrement: Moderate | None
    default_starts: Count | None = None
    quadrature: _Quadrature
    trace: list[_Round]


class _Named(_Part):
    name: str


class _RandomTerm(_Part):
    group: str
    columns: list[_Named]
    correlated: bool
    sd: Moderate | None


class _Response(_Part):
    kind: str
    variable: str = ""
    event: str = ""


class _Specification(_Part):
    family: str
    link: str
    response: _Response
    fixed: list[_Named]
    offset: Any
    weights: Any
    random: list[_RandomTerm]
    quadrature_points: Any
    reml: bool
    confidence_level: Annotated[float, Field(gt=0.0, lt=1.0)]
    dictionary_sha256: str


class _Site(_Part):
    site: str
    rows: Count | None
    fingerprint: str | None


class _Warning(_Part):
    code: str
    message: str


class Result(_Part):
    """The whole of it, as docs/protocol.md describes it."""

    title: str
    formula: str
    family: str
    link: str
    tidy: list[Estimate]
    glance: _Glance
    vcov: _Covariances
    convergence: _Convergence
    specification: _Specification
    roster: list[_Site]
    software: dict[str, Any]
    warnings: list[_Warning]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if OutcomeKind(self.convergence.outcome).has_estimates:
            if any(row.estimate is None for row in self.tidy):
                raise ValueError(f"it is {self.convergence.outcome}, and in `tidy` an estimate is missing")
            if self.glance.log_likelihood is None:
                raise ValueError(f"it is {self.convergence.outcome}, and `glance.logLik` is missing")
        for row in self.tidy:
            if row.effect == "ran_pars" and row.term.startswith("cor__") and row.term not in self._pairs(row.group):
                raise ValueError(
                    "in `tidy` a correlation is of other effects than those that have a standard deviation"
                )
        return self

    def _pairs(self, group: str | None) -> set[str]:
        own = [row.term for row in self.tidy if row.effect == "ran_pars" and row.group == group]
        names = [term.removeprefix("sd__") for term in own if term.startswith("sd__")]
        return {f"cor__{a}.{b}" for a in names for b in names}


def fault_in(found: object) -> Words | None:
    """What keeps a value from being a canonical result, by its first fault; None if nothing does."""
    try:
        Result.model_validate(found)
    except ValidationError as error:
        return in_words(error, Result)
    return None
