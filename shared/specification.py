"""What is fitted, settled to the last constant before the first number is asked for.

An AnalysisRequest is what the analyst wrote. The coordinator resolves it against the dictionary into a Specification:
terms, pinned levels and coding, column names, family, roster, settings. It is frozen and hashed; sites see it, hold it
against their own dictionary, and approve it or refuse.
"""

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.dictionary import VariableName
from shared.formula.expressions import Column, Expression
from shared.parameters import ParameterLayout

FamilyName = Literal["binomial", "poisson", "gaussian"]
LinkName = Literal["logit", "log", "identity"]
CANONICAL_LINK: dict[FamilyName, LinkName] = {"binomial": "logit", "poisson": "log", "gaussian": "identity"}

SiteName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._()&+'-]{0,119}$")]

PROTOCOL_VERSION: Literal[1] = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AnalysisRequest(_Frozen):
    """What an analyst asks for, in lme4's words."""

    formula: str = Field(max_length=4000, examples=["death ~ treatment + (1 | site)"])
    family: FamilyName = "binomial"
    link: LinkName | None = Field(default=None, description="the family's canonical link unless given")
    weights: VariableName | None = Field(default=None, description="prior weights; binomial sizes of a proportion")
    random_effect_sd: float | None = Field(default=None, gt=0, description="fixes the sd of a single scalar term")
    quadrature_points: int = Field(default=1, ge=1, description="1 is the Laplace approximation")
    sites: tuple[SiteName, ...] | None = Field(default=None, description="the roster; every known site unless given")
    tolerance: float = Field(default=1e-16, gt=0, le=1e-4, description="of the Newton decrement")
    max_rounds: int = Field(default=50, ge=1, le=200)
    confidence_level: float = Field(default=0.95, gt=0, lt=1)
    title: str = Field(default="", max_length=200)


class CountsResponse(_Frozen):
    """Successes and failures in each row, as `cbind(successes, failures)`."""

    kind: Literal["counts"] = "counts"
    successes: Expression
    failures: Expression


class EventResponse(_Frozen):
    """A two-level factor; the second level in coding order is the event."""

    kind: Literal["event"] = "event"
    variable: VariableName
    event: str


class NumericResponse(_Frozen):
    """A number in each row: 0/1 or a proportion (binomial), a count (poisson), any number (gaussian)."""

    kind: Literal["numeric"] = "numeric"
    expression: Expression


Response = Annotated[CountsResponse | EventResponse | NumericResponse, Field(discriminator="kind")]


class RandomTerm(_Frozen):
    """Random effects of one grouping factor: `site`, or a column inside the sites whose values never leave them."""

    group: str
    columns: tuple[Column, ...] = Field(min_length=1)
    correlated: bool = True
    sd: float | None = Field(default=None, gt=0, description="a known standard deviation, not estimated")


class Specification(_Frozen):
    """The resolved analysis. Two specifications with the same hash are the same analysis."""

    protocol_version: Literal[1] = PROTOCOL_VERSION
    formula: str
    family: FamilyName
    link: LinkName
    response: Response
    fixed: tuple[Column, ...] = Field(min_length=1)
    offset: Expression | None = None
    weights: VariableName | None = None
    random: RandomTerm | None = None
    quadrature_points: Literal[1] = 1
    roster: tuple[SiteName, ...] = Field(min_length=1)
    dictionary_sha256: str
    tolerance: float
    max_rounds: int
    confidence_level: float
    title: str = ""

    @property
    def sha256(self) -> str:
        """The hash that sites and coordinator compare: of the canonical JSON."""
        return sha256_of(self)

    @property
    def layout(self) -> ParameterLayout:
        """How the parameters of this analysis are packed into one vector."""
        random = self.random
        return ParameterLayout(
            fixed=tuple(column.name for column in self.fixed),
            random=tuple(column.name for column in random.columns) if random else (),
            correlated=random.correlated if random else True,
            known_sd=random.sd if random else None,
            dispersion=self.family == "gaussian",
        )


def sha256_of(model: BaseModel) -> str:
    """The SHA-256 of a model's JSON, whose fields always stand in the order of their declaration."""
    return hashlib.sha256(model.model_dump_json().encode()).hexdigest()
