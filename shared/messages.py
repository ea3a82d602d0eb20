"""What crosses the wire between coordinator and sites: frozen models, nothing extra, no NaN and no infinity.

Symmetric matrices travel as their lower triangle, packed row by row. Numbers travel as JSON float64, which round-trips
exactly; they are never rounded.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from shared.contribution import Contribution, symmetric
from shared.errors import ContributionError, FedglmmError
from shared.optimisation.start import StartContribution
from shared.specification import Specification

AnalysisId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


class Wire(BaseModel):
    """The base of every message."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class About(Wire):
    """Who a site is."""

    site: str
    version: str
    protocol_min: int
    protocol_max: int
    fingerprint: str = Field(description="keyed hash of the data: equal as long as the data are")
    policy: Literal["default", "open"]


class PrepareRequest(Wire):
    """Asks a site whether it can and will take part."""

    specification: Specification


class Accepted(Wire):
    """The site takes part."""

    status: Literal["accepted"] = "accepted"
    specification_sha256: str
    fingerprint: str
    rows: int
    rows_dropped: int = Field(description="rows with a missing value in a variable of the model")
    groups: int


class Problem(Wire):
    """An error or a refusal: what happened, where, and what to do. Never a row's content."""

    status: Literal["error", "refused"] = "error"
    code: str
    message: str
    where: str = ""
    remedy: str = ""
    rule: str = ""

    @classmethod
    def of(cls, error: FedglmmError) -> "Problem":
        """The wire form of a known fault."""
        rule = getattr(error, "rule", "")
        status: Literal["error", "refused"] = "refused" if rule else "error"
        return cls(
            status=status, code=error.code, message=error.message, where=error.where, remedy=error.remedy, rule=rule
        )


class ContributionMessage(Wire):
    """A contribution."""

    value: float
    gradient: tuple[float, ...]
    hessian: tuple[float, ...] = Field(description="lower triangle, row by row")

    @classmethod
    def of(cls, contribution: Contribution) -> "ContributionMessage":
        """The wire form of a contribution."""
        triangle = contribution.hessian[np.tril_indices(contribution.size)]
        return cls(
            value=contribution.value, gradient=tuple(contribution.gradient.tolist()), hessian=tuple(triangle.tolist())
        )

    def contribution(self) -> Contribution:
        """The value that was sent.

        Raises:
            ContributionError: it is none.
        """
        size = len(self.gradient)
        if len(self.hessian) != size * (size + 1) // 2:
            raise ContributionError(f"a gradient of {size} entries and a triangle of {len(self.hessian)} do not fit.")
        return Contribution(self.value, np.array(self.gradient), symmetric(np.array(self.hessian), size))


class StartMessage(Wire):
    """A site's part of the one-shot start."""

    quadratics: tuple[ContributionMessage, ...]
    squares: tuple[float, ...]

    @classmethod
    def of(cls, start: StartContribution) -> "StartMessage":
        """The wire form of a start contribution."""
        return cls(
            quadratics=tuple(ContributionMessage.of(one) for one in start.quadratics),
            squares=tuple(start.squares.tolist()),
        )

    def contribution(self) -> StartContribution:
        """The value that was sent."""
        return StartContribution(tuple(one.contribution() for one in self.quadratics), np.array(self.squares))


class StartRequest(Wire):
    """Round 0: asks for the one-shot start."""

    kind: Literal["start"] = "start"
    round: Literal[0] = 0
    specification_sha256: str


class EvaluateRequest(Wire):
    """A round: asks for the contribution at psi."""

    kind: Literal["evaluate"] = "evaluate"
    round: int = Field(ge=1, le=1000)
    specification_sha256: str
    psi: tuple[float, ...] = Field(min_length=1)
    previous: ContributionMessage | None = Field(description="the sum of the last round; none after the start")


ContributionRequest = Annotated[StartRequest | EvaluateRequest, Field(discriminator="kind")]


class StartReply(Wire):
    """The answer to round 0."""

    kind: Literal["start"] = "start"
    round: Literal[0] = 0
    start: StartMessage


class EvaluateReply(Wire):
    """The answer to a round."""

    kind: Literal["evaluate"] = "evaluate"
    round: int
    contribution: ContributionMessage


class CloseRequest(Wire):
    """The analysis has ended; psi is the final one when it ended with estimates."""

    outcome: str
    psi: tuple[float, ...] | None = None


class RandomEffect(Wire):
    """The site's own effect for `(... | site)`: conditional modes and their conditional standard deviations."""

    modes: tuple[float, ...]
    standard_deviations: tuple[float, ...]


class CloseReply(Wire):
    """What the site's policy releases at the end."""

    site_effect: RandomEffect | None = None
