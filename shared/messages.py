"""What crosses the wire between coordinator and sites: frozen models, nothing extra, no NaN and no infinity.

Symmetric matrices travel as their lower triangle, packed row by row. Numbers travel as JSON float64, which round-trips
exactly; they are never rounded.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import ConfigDict, Field

from shared import examples, problem
from shared.contribution import Contribution, symmetric, triangle
from shared.errors import ContributionError
from shared.masking.messages import Proof
from shared.masking.session import Join
from shared.optimisation.start import StartContribution
from shared.parameters import Vector
from shared.request import MOST_POINTS
from shared.specification import MOST_GROUPINGS, Grouping, Specification
from shared.wire import Count, Label, Signature, Wire

Problem = problem.Problem
"""With the other messages; it has a room of its own."""
LARGEST = 1e100
"""No number of a site's answer is larger, so that sums over all sites and products in a step stay finite."""
TOO_LARGE = f"it holds a number larger than {LARGEST:g}."
LARGEST_ANSWER = 64 * 2**20
"""Bytes of a site's answer that are read at most."""


def _with(example: examples.Example) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Health(Wire):
    """The process answers."""

    status: Literal["ok"] = Field(default="ok", examples=["ok"])


class About(Wire):
    """Who a site is."""

    model_config = _with(examples.ABOUT)

    site: Label
    version: Label
    protocol_min: int
    protocol_max: int
    fingerprint: Label = Field(description="keyed hash of the data: equal as long as the data are")
    policy: Literal["default", "open"]


class PrepareRequest(Wire):
    """Asks a site whether it can and will take part."""

    model_config = _with(examples.PREPARE_REQUEST)

    specification: Specification


class Counts(Wire):
    """What a site has, or all of them together."""

    rows: Count
    rows_dropped: Count = Field(description="rows with a missing value in a variable of the model")
    groups: dict[Grouping, Count] = Field(max_length=MOST_GROUPINGS, description="of each grouping factor")

    @property
    def entries(self) -> tuple[int, ...]:
        """As they are added up."""
        return self.rows, self.rows_dropped, *self.groups.values()

    @classmethod
    def in_entries(cls, entries: Sequence[int], specification: Specification) -> "Counts":
        """From a sum of `entries`."""
        rows, dropped, *groups = entries
        return cls(rows=rows, rows_dropped=dropped, groups=dict(zip(specification.groupings, groups, strict=True)))


def number_of_counts(specification: Specification) -> int:
    """Entries of `Counts`."""
    return 2 + len(specification.groupings)


class Accepted(Wire):
    """The site takes part."""

    model_config = _with(examples.ACCEPTED)

    status: Literal["accepted"] = "accepted"
    specification_sha256: Label
    fingerprint: Label
    counts: Counts | None = Field(
        description="at the site; where sums are masked they are in the start's, unless it consents"
    )
    join: Join | None = Field(default=None, description="where sums are masked: what the site signed")


def received(
    value: float,
    gradient: Vector,
    hessian: Vector,
    information: Sequence[Vector] | None = None,
    *,
    largest: float = LARGEST,
) -> Contribution:
    """A contribution from what was sent, in whatever form: symmetric matrices as lower triangles.

    Raises:
        ContributionError: it is none, or an entry is larger than `largest`.
    """
    size, triangles = len(gradient), [hessian, *(information or ())]
    if len(hessian) != size * (size + 1) // 2:
        raise ContributionError(f"a gradient of {size} entries and a triangle of {len(hessian)} do not fit.")
    if abs(value) > largest or any((np.abs(entries) > largest).any() for entries in (gradient, *triangles)):
        raise ContributionError(TOO_LARGE)
    if information is None:
        return Contribution(value, gradient, symmetric(hessian, size))
    p = next((k for k in range(size + 1) if all(len(one) == k * (k + 1) // 2 for one in information)), -1)
    if p < 0:
        raise ContributionError("its information is made of triangles that do not fit.")
    stack = np.array([symmetric(one, p) for one in information]).reshape(len(information), p, p)
    return Contribution(value, gradient, symmetric(hessian, size), stack)


class ContributionMessage(Wire):
    """A contribution."""

    model_config = _with(examples.CONTRIBUTION)

    value: float
    gradient: tuple[float, ...]
    hessian: tuple[float, ...] = Field(description="lower triangle, row by row")
    information: tuple[tuple[float, ...], ...] | None = Field(
        default=None, description="for REML: first and second derivatives of X'V^-1 X in theta, lower triangles"
    )

    @classmethod
    def of(cls, contribution: Contribution) -> "ContributionMessage":
        """The wire form of a contribution."""
        stack = contribution.information
        return cls(
            value=contribution.value,
            gradient=tuple(contribution.gradient.tolist()),
            hessian=tuple(triangle(contribution.hessian).tolist()),
            information=None if stack is None else tuple(tuple(triangle(one).tolist()) for one in stack),
        )

    def contribution(self, largest: float = LARGEST) -> Contribution:
        """The value that was sent.

        Args:
            largest: what no entry may exceed; a sum over sites may exceed what one site may send.

        Raises:
            ContributionError: it is none, or an entry is too large.
        """
        gradient, hessian, *stack = (
            np.fromiter(some, float, len(some)) for some in (self.gradient, self.hessian, *(self.information or ()))
        )
        information = None if self.information is None else stack
        return received(self.value, gradient, hessian, information, largest=largest)


class StartMessage(Wire):
    """A site's part of the one-shot start."""

    quadratics: tuple[ContributionMessage, ...]
    totals: tuple[float, ...]
    at_default: Count = Field(
        default=0, description="sites that began at the default point: of a site's own start 0 or 1"
    )
    counts: Counts | None = Field(default=None, description="of all sites, in a sum of masked starts")

    @classmethod
    def of(cls, start: StartContribution, counts: Counts | None = None) -> "StartMessage":
        """The wire form of a start contribution."""
        return cls(
            quadratics=tuple(ContributionMessage.of(one) for one in start.quadratics),
            totals=tuple(start.totals.tolist()),
            at_default=start.at_default,
            counts=counts,
        )

    def contribution(self, largest: float = LARGEST) -> StartContribution:
        """The value that was sent.

        Raises:
            ContributionError: a quadratic is none, or a number is too large.
        """
        if any(abs(entry) > largest for entry in self.totals):
            raise ContributionError(TOO_LARGE)
        quadratics = tuple(one.contribution(largest) for one in self.quadratics)
        return StartContribution(quadratics, np.array(self.totals), self.at_default)


class StartRequest(Wire):
    """Round 0: asks for the one-shot start."""

    model_config = _with(examples.START_REQUEST)

    kind: Literal["start"] = "start"
    round: Literal[0] = 0
    specification_sha256: str
    joins: tuple[Join, ...] = Field(default=(), description="where sums are masked: what every site signed")


class EvaluateRequest(Wire):
    """A round: asks for the contribution at psi."""

    model_config = _with(examples.EVALUATE_REQUEST)

    kind: Literal["evaluate"] = "evaluate"
    round: int = Field(ge=1, le=1000)
    specification_sha256: str
    psi: tuple[float, ...] = Field(min_length=1)
    basis: tuple[float, ...] = Field(
        description="the random effects' basis B, (q, q), row by row: the same every round"
    )
    quadrature_points: int = Field(default=1, ge=1, le=MOST_POINTS, description="of this round")
    previous: ContributionMessage | None = Field(description="the sum of the last round; none after the start")
    proof: Proof | None = Field(
        default=None, description="where sums are masked: the last sum, the start's too, instead of `previous`"
    )


ContributionRequest = Annotated[StartRequest | EvaluateRequest, Field(discriminator="kind")]


class StartReply(Wire):
    """The answer to round 0."""

    model_config = _with(examples.START_REPLY)

    kind: Literal["start"] = "start"
    round: Literal[0] = 0
    start: StartMessage


class EvaluateReply(Wire):
    """The answer to a round."""

    model_config = _with(examples.EVALUATE_REPLY)

    kind: Literal["evaluate"] = "evaluate"
    round: int
    contribution: ContributionMessage


class CloseRequest(Wire):
    """The analysis has ended; psi is the final one when it ended with estimates."""

    model_config = _with(examples.CLOSE_REQUEST)

    outcome: Label
    psi: tuple[float, ...] | None = None
    basis: tuple[float, ...] = Field(default=(), description="as in the rounds")
    proof: Proof | None = Field(default=None, description="where sums are masked: the last sum of a fit that ended")


class RandomEffect(Wire):
    """The site's own effect for `(... | site)`: conditional modes and their conditional standard deviations."""

    modes: tuple[float, ...]
    standard_deviations: tuple[float, ...]


class CloseReply(Wire):
    """What the site's policy releases at the end."""

    model_config = _with(examples.CLOSE_REPLY)

    site_effect: RandomEffect | None = None
    signature: Signature | None = Field(default=None, description="the site's, of a masked result that it replayed")
