"""One site, over HTTP: the only place that knows how sites are reached. Whatever goes wrong names the site."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from types import TracebackType
from typing import Self, TypeVar

import httpx
import numpy as np
from pydantic import BaseModel, SecretStr, ValidationError

from coordinator.records import now
from coordinator.wire import WireFile
from shared import packed
from shared.codes import NOT_FOUND, SIGNATURE_WRONG, UNSIGNED
from shared.contribution import Contribution
from shared.errors import (
    ApprovalError,
    ContributionError,
    DataError,
    EncodingError,
    FedglmmError,
    RefusedError,
    SiteError,
    UnknownAnalysisError,
)
from shared.masking.encoding import Fixed
from shared.masking.messages import MaskedReply
from shared.messages import (
    LARGEST_ANSWER,
    About,
    Accepted,
    CloseReply,
    CloseRequest,
    EvaluateReply,
    EvaluateRequest,
    PrepareRequest,
    Problem,
    StartReply,
    StartRequest,
)
from shared.optimisation.start import StartContribution, grid, totals_size
from shared.parameters import ParameterLayout
from shared.signed import SIGNATURE, Asked, Correspondence, digest_of
from shared.specification import PROTOCOL_VERSION, Specification
from shared.unreachable import why
from shared.wire import Wire

UNREACHABLE = "site_unreachable"
"""The code of a SiteError that may pass: nobody answered, or not to the first question. Every other fault of a site stays."""
RETRY_PAUSES = (0.05, 0.2)
ABOUT_SECONDS = 5.0
CONNECT_SECONDS = 5.0
JSON = "application/json"
_ANYBODYS = frozenset({401, 502, 503, 504})
"""What may be answered without the site's signature: nothing is taken from it, and a proxy, or a site that has not let the
question in, can say no more."""

Reply = TypeVar("Reply", bound=BaseModel)


class SiteClient:
    """One site of the consortium.

    Every method raises SiteError (code `site_unreachable` when nobody answers),
    RefusedError when the site's policy says no, ApprovalError when a person there has not decided yet, DataError when its data
    do not fit, UnknownAnalysisError when it does not know the analysis (any more).
    """

    def __init__(
        self,
        name: str,
        url: str,
        key: SecretStr | None = None,
        *,
        deadline: float = 600.0,
        signed: Correspondence | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        wire: WireFile | None = None,
    ) -> None:
        self.name = name
        self.last_seen: str | None = None
        self._url = url
        self._deadline = deadline
        self._wire = wire
        self._signed = signed
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Accept-Encoding": "identity"}
            | ({"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}),
            timeout=httpx.Timeout(deadline, connect=CONNECT_SECONDS),
            transport=transport,
            verify=_authorities(),
            trust_env=False,
        )

    def __repr__(self) -> str:
        """The site's name and address, never its key."""
        return f"SiteClient({self.name!r}, {self._url!r})"

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def about(self) -> About:
        """Who the site is."""
        about = await self._ask("GET", "/v1/about", None, About, within=min(ABOUT_SECONDS, self._deadline))
        if about.site != self.name:
            raise self._fault("another site answers at its address.", "Check the sites' names and urls.")
        if not about.protocol_min <= PROTOCOL_VERSION <= about.protocol_max:
            raise self._fault(
                f"it speaks protocol {about.protocol_min} to {about.protocol_max}, and this is {PROTOCOL_VERSION}.",
                "Update the older of the two.",
            )
        return about

    async def prepare(self, analysis_id: str, specification: Specification) -> Accepted:
        """Asks the site to take part."""
        body = PrepareRequest(specification=specification)
        accepted = await self._ask("POST", f"/v1/analyses/{analysis_id}/prepare", body, Accepted)
        if accepted.specification_sha256 != specification.sha256:
            raise self._fault("it accepted another specification than it was asked about.")
        if accepted.counts is None and not specification.masked:
            raise self._fault("it accepted without its counts.")
        if accepted.counts is not None and set(accepted.counts.groups) != set(specification.groupings):
            raise self._fault("it counted the groups of other factors than the specification's.")
        if specification.masked and accepted.join is None:
            raise self._fault("it accepted masked sums and signed nothing.", "Does it have the consortium file?")
        return accepted

    async def start(self, analysis_id: str, request: StartRequest, layout: ParameterLayout) -> StartContribution:
        """Round 0: the site's one-shot start."""
        reply = await self._ask("POST", f"/v1/analyses/{analysis_id}/contributions", request, StartReply)
        try:
            start = reply.start.contribution()
        except ContributionError as error:
            raise self._fault(error.message) from None
        sizes = {quadratic.size for quadratic in start.quadratics}
        if (
            sizes != {layout.size}
            or len(start.quadratics) != len(grid(layout))
            or len(start.totals) != totals_size(layout)
        ):
            raise self._fault("its start has another size than the specification's parameters.")
        if not np.isfinite(start.totals).all():
            raise self._fault("its start holds a number that is not finite.")
        return start

    async def evaluate(self, analysis_id: str, request: EvaluateRequest, layout: ParameterLayout) -> Contribution:
        """The site's contribution at psi."""
        path = f"/v1/analyses/{analysis_id}/contributions"
        pack = layout.size >= packed.SMALLEST and not layout.restricted
        accept = f"{packed.MEDIA_TYPE}, {JSON}" if pack else JSON
        response = await self._response("POST", path, request, accept=accept)
        try:
            number, contribution = self._evaluated(response)
        except ContributionError as error:
            raise self._fault(error.message) from None
        if number != request.round:
            raise self._fault(f"it answered round {number} when asked for round {request.round}.")
        self.last_seen = now()
        if contribution.size != len(request.psi):
            raise self._fault(f"its contribution has {contribution.size} parameters instead of {len(request.psi)}.")
        derivatives, p = layout.information_size, layout.p if layout.information_size else 0
        expected = (derivatives, p, p) if layout.restricted else None
        if (None if contribution.information is None else contribution.information.shape) != expected:
            raise self._fault("its contribution does not have the information that a restricted likelihood needs.")
        return contribution

    async def masked(self, analysis_id: str, request: StartRequest | EvaluateRequest, length: int) -> Fixed:
        """The site's answer to a round under its mask, (length, 2)."""
        reply = await self._ask("POST", f"/v1/analyses/{analysis_id}/contributions", request, MaskedReply)
        if reply.round != request.round:
            raise self._fault(f"it answered round {reply.round} when asked for round {request.round}.")
        try:
            numbers = reply.fixed
        except EncodingError as error:
            raise self._fault(error.message) from None
        if len(numbers) != length:
            raise self._fault(f"it answered {len(numbers)} masked numbers instead of {length}.")
        return numbers

    async def close(self, analysis_id: str, request: CloseRequest, effects: int = 0) -> CloseReply:
        """Tells the site how the analysis ended, and takes its own effect of so many entries, if it releases one."""
        reply = await self._ask("POST", f"/v1/analyses/{analysis_id}/close", request, CloseReply)
        effect = reply.site_effect
        if effect is not None:
            if {len(effect.modes), len(effect.standard_deviations)} != {effects}:
                raise self._fault("its effect has another size than the specification's random effects.")
            if min(effect.standard_deviations, default=0.0) < 0.0:
                raise self._fault("its effect has a negative standard deviation.")
        return reply

    async def _ask(
        self, method: str, path: str, body: Wire | None, reply: type[Reply], *, within: float | None = None
    ) -> Reply:
        """One question, answered in JSON."""
        parsed = self._parsed(await self._response(method, path, body, within=within), reply)
        self.last_seen = now()
        return parsed

    async def _response(
        self, method: str, path: str, body: Wire | None, *, within: float | None = None, accept: str = JSON
    ) -> httpx.Response:
        """The answer to one question, all of which can be asked twice: a lost connection is tried again at once.

        A site that needs longer for an answer is at fault; one that is silent `within` so many seconds is missing.
        """
        seconds, late = (self._deadline, "site_late") if within is None else (within, UNREACHABLE)
        content = None if body is None else body.written
        for pause in (*RETRY_PAUSES, None):
            try:
                async with asyncio.timeout(seconds):
                    response = await self._answer(method, path, content, accept)
                break
            except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
                raise self._fault(f"no answer within {seconds:g} s.", "See the site's log.", code=late) from None
            except httpx.RequestError as error:
                if pause is None or not _no_response(error):
                    raise self._lost(error) from None
                await asyncio.sleep(pause)
            except OSError as error:  # too many open files, as a library that loads a module of its own meets them
                told = f"the coordinator cannot ask it ({error.strerror})."
                raise self._fault(told, "See the coordinator's log, and `ulimit -n`.", code=UNREACHABLE) from None
        return response

    async def _answer(self, method: str, path: str, content: bytes | None, accept: str) -> httpx.Response:
        """The whole answer. The one place through which all goes, and where it is written down."""
        answering = self._read(method, path, content, accept)
        if self._wire is None:
            return await answering
        return await self._wire.between(self.name, method, path, content, answering)

    async def _read(self, method: str, path: str, content: bytes | None, accept: str) -> httpx.Response:
        """The whole answer, read up to the limit, and the site's own where questions and answers are signed."""
        headers = {"Accept": accept} | ({} if content is None else {"Content-Type": JSON})
        if self._signed is not None:
            headers |= self._signed.sign_request(Asked(method, path, now(), digest_of(content or b"")))
        async with self._http.stream(method, path, content=content, headers=headers) as response:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise self._fault("its answer is encoded, and was asked not to be.", "Does a proxy compress it?")
            read = bytearray()
            try:
                async for chunk in response.aiter_bytes():
                    read += chunk
                    if len(read) > LARGEST_ANSWER:
                        raise self._fault(f"its answer is larger than {LARGEST_ANSWER >> 20} MB.")
            except (httpx.NetworkError, httpx.ProtocolError):
                raise self._fault("its answer breaks off in the middle.", "See the site's log.") from None
        self._check_signed(headers, response, bytes(read))
        kind = {"Content-Type": response.headers.get("Content-Type", "")}
        return httpx.Response(response.status_code, content=bytes(read), headers=kind)

    def _check_signed(self, asked: Mapping[str, str], response: httpx.Response, body: bytes) -> None:
        if self._signed is None or response.is_redirect or response.status_code in _ANYBODYS:
            return
        signature = response.headers.get(SIGNATURE, "")
        if not self._signed.is_answer(asked[SIGNATURE], response.status_code, body, signature):
            raise self._fault(
                "its answer is not signed with its key in the consortium file.",
                "Is its url right, and the consortium file set at the site, and the same on both sides?",
            )

    def _lost(self, error: httpx.RequestError) -> SiteError:
        """A question that got no response, or something that is no response."""
        if _no_response(error):
            remedy = "Is its node running, and its url right?"
            return self._fault(f"it cannot be reached at {self._url} ({why(error)}).", remedy, code=UNREACHABLE)
        return self._fault(f"what it answered is not HTTP ({type(error).__name__}).", "Is its url right?")

    def _evaluated(self, response: httpx.Response) -> tuple[int, Contribution]:
        """The round that was answered and the contribution, in either form."""
        if response.is_success and response.headers["Content-Type"] == packed.MEDIA_TYPE:
            return packed.unpack(response.content)
        reply = self._parsed(response, EvaluateReply)
        return reply.round, reply.contribution.contribution()

    def _parsed(self, response: httpx.Response, reply: type[Reply]) -> Reply:
        if not response.is_success:
            raise self._refusal(response)
        try:
            return reply.model_validate_json(response.content)
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
            where = f"field {place} is missing or wrong" if place else "it is no JSON"
            raise self._fault(f"its answer is no {reply.__name__}: {where}.", "Do both run the same version?") from None

    def _refusal(self, response: httpx.Response) -> FedglmmError:
        """What an answer that is none means."""
        status = response.status_code
        if response.is_redirect:
            return self._fault("it redirects to another address.", "Set its url to where it really is.")
        if status in {502, 503, 504}:
            return self._fault(f"it is not available (HTTP {status}).", "See the site's log.", code=UNREACHABLE)
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            problem = None
        if status == httpx.codes.UNAUTHORIZED:
            return self._not_let_in("" if problem is None else problem.code)
        if problem is None:
            return self._fault(f"it answered HTTP {status} without saying why.", "See the site's log.")
        if problem.code == NOT_FOUND:
            return self._fault(
                f"what answers at {self._url} is no site.",
                "Set its url to the site's own address, and leave off any path.",
            )
        return self._told(status, problem)

    def _not_let_in(self, code: str) -> SiteError:
        if code == UNSIGNED:
            return self._fault("it answers signed questions only.", "Set `consortium` and `identity_file`.")
        if code == SIGNATURE_WRONG:
            remedy = "Compare the hash of the consortium file on both sides."
            return self._fault("it does not accept this coordinator's signature.", remedy)
        return self._fault("it does not accept this coordinator's key.", "Compare the key files of both sides.")

    def _told(self, status: int, problem: Problem) -> FedglmmError:
        """The site's own words, as our error."""
        message = f"{problem.where}: {problem.message}" if problem.where else problem.message
        told = {"where": self.name, "remedy": problem.remedy, "code": problem.code}
        if status == httpx.codes.FORBIDDEN:
            return RefusedError(message, rule=problem.rule, **told)
        if status == httpx.codes.CONFLICT and problem.code == ApprovalError.code:
            return ApprovalError(message, **told)
        if status in {httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY}:
            return DataError(message, **told)
        if status == httpx.codes.NOT_FOUND and problem.code == UnknownAnalysisError.code:
            return UnknownAnalysisError(message, **told)
        return SiteError(message, **told)

    def _fault(self, message: str, remedy: str = "", *, code: str = "site_answer") -> SiteError:
        return SiteError(message, where=self.name, remedy=remedy, code=code)


@cache
def _authorities() -> ssl.SSLContext:
    """The certificate authorities that are trusted: read once for all sites, which takes some 15 ms."""
    return httpx.create_ssl_context(trust_env=False)


def _no_response(error: httpx.RequestError) -> bool:
    """Whether not a byte came back: no connection, or one that was lost before the answer."""
    disconnected = isinstance(error, httpx.RemoteProtocolError) and "disconnected" in str(error)
    return disconnected or isinstance(error, (httpx.NetworkError, httpx.ConnectTimeout))
