"""One site, as the coordinator asks it: every answer is held to what was asked. Whatever goes wrong names the site."""

from types import TracebackType
from typing import Self

import httpx
import numpy as np

from coordinator.records import now
from coordinator.site_answers import Reply
from coordinator.site_connection import JSON, SiteConnection
from shared import packed
from shared.contribution import Contribution
from shared.errors import ContributionError, EncodingError
from shared.masking.encoding import Fixed
from shared.masking.messages import MaskedReply
from shared.messages import (
    About,
    Accepted,
    CloseReply,
    CloseRequest,
    EvaluateReply,
    EvaluateRequest,
    PrepareRequest,
    StartReply,
    StartRequest,
)
from shared.optimisation.start import StartContribution, grid, totals_size
from shared.parameters import ParameterLayout
from shared.specification import PROTOCOL_VERSION, Specification
from shared.wire import Wire

ABOUT_SECONDS = 5.0


class SiteClient:
    """One site of the consortium.

    Every method raises SiteError (code `site_unreachable` when nobody answers),
    RefusedError when the site's policy says no, ApprovalError when a person there has not decided yet, DataError when its data
    do not fit, UnknownAnalysisError when it does not know the analysis (any more).

    Args:
        connection: to the site; closed with this.
    """

    def __init__(self, connection: SiteConnection) -> None:
        self.last_seen: str | None = None
        self._connection = connection
        self._answering = connection.of

    @property
    def name(self) -> str:
        """The site's."""
        return self._answering.site

    def __repr__(self) -> str:
        """The site's name and address, never its key."""
        return f"SiteClient({self.name!r}, {self._answering.url!r})"

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        await self._connection.close()

    async def about(self) -> About:
        """Who the site is."""
        about = await self._ask("GET", "/v1/about", None, About, within=min(ABOUT_SECONDS, self._connection.deadline))
        if about.site != self.name:
            raise self._answering.fault("another site answers at its address.", "Check the sites' names and urls.")
        if not about.protocol_min <= PROTOCOL_VERSION <= about.protocol_max:
            raise self._answering.fault(
                f"it speaks protocol {about.protocol_min} to {about.protocol_max}, and this is {PROTOCOL_VERSION}.",
                "Update the older of the two.",
            )
        return about

    async def prepare(self, analysis_id: str, specification: Specification) -> Accepted:
        """Asks the site to take part."""
        body = PrepareRequest(specification=specification)
        accepted = await self._ask("POST", f"/v1/analyses/{analysis_id}/prepare", body, Accepted)
        if accepted.specification_sha256 != specification.sha256:
            raise self._answering.fault("it accepted another specification than it was asked about.")
        if accepted.counts is None and not specification.masked:
            raise self._answering.fault("it accepted without its counts.")
        if accepted.counts is not None and set(accepted.counts.groups) != set(specification.groupings):
            raise self._answering.fault("it counted the groups of other factors than the specification's.")
        if specification.masked and accepted.join is None:
            raise self._answering.fault(
                "it accepted masked sums and signed nothing.", "Does it have the consortium file?"
            )
        return accepted

    async def start(self, analysis_id: str, request: StartRequest, layout: ParameterLayout) -> StartContribution:
        """Round 0: the site's one-shot start."""
        reply = await self._ask("POST", f"/v1/analyses/{analysis_id}/contributions", request, StartReply)
        try:
            start = reply.start.contribution()
        except ContributionError as error:
            raise self._answering.fault(error.message) from None
        sizes = {quadratic.size for quadratic in start.quadratics}
        if (
            sizes != {layout.size}
            or len(start.quadratics) != len(grid(layout))
            or len(start.totals) != totals_size(layout)
        ):
            raise self._answering.fault("its start has another size than the specification's parameters.")
        if not np.isfinite(start.totals).all():
            raise self._answering.fault("its start holds a number that is not finite.")
        if start.at_default > 1:
            raise self._answering.fault("its start counts more sites than the one.")
        return start

    async def evaluate(self, analysis_id: str, request: EvaluateRequest, layout: ParameterLayout) -> Contribution:
        """The site's contribution at psi."""
        path = f"/v1/analyses/{analysis_id}/contributions"
        pack = layout.size >= packed.SMALLEST and not layout.restricted
        accept = f"{packed.MEDIA_TYPE}, {JSON}" if pack else JSON
        response = await self._connection.ask("POST", path, request, accept=accept)
        try:
            number, contribution = self._evaluated(response)
        except ContributionError as error:
            raise self._answering.fault(error.message) from None
        if number != request.round:
            raise self._answering.fault(f"it answered round {number} when asked for round {request.round}.")
        self.last_seen = now()
        if contribution.size != len(request.psi):
            raise self._answering.fault(
                f"its contribution has {contribution.size} parameters instead of {len(request.psi)}."
            )
        derivatives, p = layout.information_size, layout.p if layout.information_size else 0
        expected = (derivatives, p, p) if layout.restricted else None
        if (None if contribution.information is None else contribution.information.shape) != expected:
            raise self._answering.fault(
                "its contribution does not have the information that a restricted likelihood needs."
            )
        return contribution

    async def masked(self, analysis_id: str, request: StartRequest | EvaluateRequest, length: int) -> Fixed:
        """The site's answer to a round under its mask, (length, 2)."""
        reply = await self._ask("POST", f"/v1/analyses/{analysis_id}/contributions", request, MaskedReply)
        if reply.round != request.round:
            raise self._answering.fault(f"it answered round {reply.round} when asked for round {request.round}.")
        try:
            numbers = reply.fixed
        except EncodingError as error:
            raise self._answering.fault(error.message) from None
        if len(numbers) != length:
            raise self._answering.fault(f"it answered {len(numbers)} masked numbers instead of {length}.")
        return numbers

    async def close(self, analysis_id: str, request: CloseRequest, effects: int = 0) -> CloseReply:
        """Tells the site how the analysis ended, and takes its own effect of so many entries, if it releases one."""
        reply = await self._ask("POST", f"/v1/analyses/{analysis_id}/close", request, CloseReply)
        effect = reply.site_effect
        if effect is not None:
            if {len(effect.modes), len(effect.standard_deviations)} != {effects}:
                raise self._answering.fault("its effect has another size than the specification's random effects.")
            if min(effect.standard_deviations, default=0.0) < 0.0:
                raise self._answering.fault("its effect has a negative standard deviation.")
        return reply

    async def _ask(
        self, method: str, path: str, body: Wire | None, reply: type[Reply], *, within: float | None = None
    ) -> Reply:
        """One question, answered in JSON."""
        response = await self._connection.ask(method, path, body, within=within)
        parsed = self._answering.parsed(response, reply)
        self.last_seen = now()
        return parsed

    def _evaluated(self, response: httpx.Response) -> tuple[int, Contribution]:
        """The round that was answered and the contribution, in either form."""
        if response.is_success and response.headers["Content-Type"] == packed.MEDIA_TYPE:
            return packed.unpack(response.content)
        reply = self._answering.parsed(response, EvaluateReply)
        return reply.round, reply.contribution.contribution()
