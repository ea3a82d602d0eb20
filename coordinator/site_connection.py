"""How questions reach a site and whole answers come back: over TLS, signed in both directions, tried again, and written down."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache

import httpx
from pydantic import SecretStr

from coordinator.records import now
from coordinator.site_answers import UNAVAILABLE, UNREACHABLE, Answering
from coordinator.wire import WireFile
from shared.errors import SiteError
from shared.messages import LARGEST_ANSWER
from shared.signed import SIGNATURE, Asked, Correspondence, digest_of
from shared.unreachable import is_distrust, why
from shared.wire import Wire

DISTRUSTED = "site_certificate"
"""The code of a SiteError: the site's certificate is not accepted."""
RETRY_PAUSES = (0.05, 0.2)
CONNECT_SECONDS = 5.0
JSON = "application/json"
_ANYBODYS = frozenset({401}) | UNAVAILABLE
"""What may be answered without the site's signature: nothing is taken from it, and a proxy, or a site that has not let the
question in, can say no more."""


class SiteConnection:
    """To one site.

    Args:
        of: the site.
        key: the bearer key that it asks for.
        deadline: seconds for an answer.
        signed: the keys by which questions and answers are signed.
        authorities: whose certificates are taken; those of public authorities unless given.
        transport: another way than the network.
        wire: where all that crosses is written down.
    """

    def __init__(
        self,
        of: Answering,
        key: SecretStr | None = None,
        *,
        deadline: float = 600.0,
        signed: Correspondence | None = None,
        authorities: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        wire: WireFile | None = None,
    ) -> None:
        self.of = of
        self.deadline = deadline
        self._signed = signed
        self._wire = wire
        self._http = httpx.AsyncClient(
            base_url=of.url,
            headers={"Accept-Encoding": "identity"}
            | ({"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}),
            timeout=httpx.Timeout(deadline, connect=CONNECT_SECONDS),
            transport=transport,
            verify=authorities or _public_authorities(),
            trust_env=False,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def ask(
        self, method: str, path: str, body: Wire | None, *, within: float | None = None, accept: str = JSON
    ) -> httpx.Response:
        """The answer to one question, all of which can be asked twice: a lost connection is tried again at once.

        A site that needs longer for an answer is at fault; one that is silent `within` so many seconds is missing.

        Raises:
            SiteError: there is none in time, or none that is the site's own.
        """
        seconds, late = (self.deadline, "site_late") if within is None else (within, UNREACHABLE)
        content = None if body is None else body.written
        for pause in (*RETRY_PAUSES, None):
            try:
                async with asyncio.timeout(seconds):
                    response = await self._answer(method, path, content, accept)
                break
            except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
                raise self.of.fault(f"no answer within {seconds:g} s.", "See the site's log.", code=late) from None
            except httpx.RequestError as error:
                if pause is None or not _may_pass(error):
                    raise self._lost(error) from None
                await asyncio.sleep(pause)
            except OSError as error:  # too many open files, as a library that loads a module of its own meets them
                told = f"the coordinator cannot ask it ({error.strerror})."
                raise self.of.fault(told, "See the coordinator's log, and `ulimit -n`.", code=UNREACHABLE) from None
        return response

    async def _answer(self, method: str, path: str, content: bytes | None, accept: str) -> httpx.Response:
        """The whole answer. The one place through which all goes, and where it is written down."""
        answering = self._read(method, path, content, accept)
        if self._wire is None:
            return await answering
        return await self._wire.between(self.of.site, method, path, content, answering)

    async def _read(self, method: str, path: str, content: bytes | None, accept: str) -> httpx.Response:
        """The whole answer, read up to the limit, and the site's own where questions and answers are signed."""
        headers = {"Accept": accept} | ({} if content is None else {"Content-Type": JSON})
        if self._signed is not None:
            headers |= self._signed.sign_request(Asked(method, path, now(), digest_of(content or b"")))
        async with self._http.stream(method, path, content=content, headers=headers) as response:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise self.of.fault("its answer is encoded, and was asked not to be.", "Does a proxy compress it?")
            read = bytearray()
            try:
                async for chunk in response.aiter_bytes():
                    read += chunk
                    if len(read) > LARGEST_ANSWER:
                        raise self.of.fault(f"its answer is larger than {LARGEST_ANSWER >> 20} MB.")
            except (httpx.NetworkError, httpx.ProtocolError):
                raise self.of.fault("its answer breaks off in the middle.", "See the site's log.") from None
        self._check_signed(headers, response, bytes(read))
        kind = {"Content-Type": response.headers.get("Content-Type", "")}
        return httpx.Response(response.status_code, content=bytes(read), headers=kind)

    def _check_signed(self, asked: Mapping[str, str], response: httpx.Response, body: bytes) -> None:
        if self._signed is None or response.is_redirect or response.status_code in _ANYBODYS:
            return
        signature = response.headers.get(SIGNATURE, "")
        if not self._signed.is_answer(asked[SIGNATURE], response.status_code, body, signature):
            raise self.of.fault(
                "its answer is not signed with its key in the consortium file.",
                "Is its url right, and the consortium file set at the site, and the same on both sides?",
            )

    def _lost(self, error: httpx.RequestError) -> SiteError:
        """A question that got no response, or something that is no response."""
        if is_distrust(error):
            return self.of.fault(
                f"its certificate at {self.of.url} is not accepted ({why(error)}).",
                "Set `ca_file` in coordinator.toml to the authority that issued it, and its url to a name that it holds.",
                code=DISTRUSTED,
            )
        if _no_response(error):
            remedy = "Is its node running, and its url right?"
            return self.of.fault(f"it cannot be reached at {self.of.url} ({why(error)}).", remedy, code=UNREACHABLE)
        return self.of.fault(f"what it answered is not HTTP ({type(error).__name__}).", "Is its url right?")


@cache
def _public_authorities() -> ssl.SSLContext:
    """The certificate authorities that are trusted unless others are set: read once for all sites, which takes some 15 ms."""
    return httpx.create_ssl_context(trust_env=False)


def _may_pass(error: httpx.RequestError) -> bool:
    return _no_response(error) and not is_distrust(error)


def _no_response(error: httpx.RequestError) -> bool:
    """Whether not a byte came back: no connection, or one that was lost before the answer."""
    disconnected = isinstance(error, httpx.RemoteProtocolError) and "disconnected" in str(error)
    return disconnected or isinstance(error, (httpx.NetworkError, httpx.ConnectTimeout))
