"""The site's HTTP routes. Work goes to threads, faults become Problems, and nothing here computes."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, TypeVar
from weakref import WeakValueDictionary

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Depends, FastAPI, Path, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic_core import from_json

from shared import packed
from shared.codes import DATA_CHANGED, LEDGER
from shared.errors import (
    DataError,
    RequestError,
)
from shared.interface_page import headers, interface_page
from shared.messages import (
    About,
    Accepted,
    CloseReply,
    CloseRequest,
    ContributionRequest,
    EvaluateReply,
    Health,
    PrepareRequest,
)
from shared.openapi import Example, problems, tagged
from shared.wire import AnalysisId, Wire
from site_node.analyses import Reply
from site_node.evaluation import SiteNode

Answer = TypeVar("Answer")
Analysis = Annotated[AnalysisId, Path(description="the coordinator's id of the analysis", examples=["k7mqx3hb2n5d"])]

_PREPARING = "preparing, of all analyses"
_ANALYSIS = "/v1/analyses/{analysis_id}"
_SCHEME = HTTPBearer(auto_error=False, description="the site's key, if it has one; the guard asks for it")
_KEYED = [Depends(_SCHEME)]
_ASKER_LEFT = "asker_left"
_JSON = "application/json"
_CHANGED = Example(
    "The data have changed",
    DATA_CHANGED,
    "the site's data have changed since the analysis began.",
    "Start a new analysis.",
)
_NO_DATA = Example(
    "The data file cannot be read", DataError.code, "the data file is not there.", "Set `data` in site.toml."
)
_NO_ENTRY = Example(
    "The ledger cannot be written",
    LEDGER,
    "the ledger cannot be written, and without an entry nothing leaves the site.",
    "Make room on the site's disk.",
)
_ABOUT = problems(401, 500, other={422: _NO_DATA})
_PREPARED = problems(401, 403, 408, 413, 422, 500, other={409: _CHANGED, 503: _NO_ENTRY})
_ANSWERED = problems(401, 403, 404, 408, 413, 422, 500, other={409: _CHANGED, 503: _NO_ENTRY})
_CLOSED = problems(401, 404, 408, 413, 422, 500, other={503: _NO_ENTRY})
_PACKED: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            packed.MEDIA_TYPE: {
                "schema": {"type": "string", "format": "binary", "description": "only where Accept names it"},
                "example": packed.EXAMPLE.decode("latin-1"),
            }
        }
    }
}


class _QuickRequest(Request):
    """A request whose JSON is read by pydantic's parser, five times as fast on long lists of numbers."""

    async def json(self) -> Any:
        try:
            return from_json(await self.body())
        except ValueError:
            # Python's own parser says what is wrong, and takes what only it takes
            return await super().json()


class _QuickRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        handler = super().get_route_handler()

        async def quick(request: Request) -> Response:
            """The same, of a request that is read quickly."""
            return await handler(_QuickRequest(request.scope, request.receive))

        return quick


class SiteApi(FastAPI):
    """A site's application."""

    def openapi(self) -> dict[str, Any]:
        """What /openapi.json answers."""
        if self.openapi_schema is None:
            self.openapi_schema = tagged(super().openapi())
        return self.openapi_schema


class _Threads:
    """Where a site computes: in threads, at most as many at once as the limiter lets."""

    def __init__(self, limiter: CapacityLimiter) -> None:
        self._limiter = limiter
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def compute(self, alone: str, work: Callable[[], Answer]) -> Answer:
        """Works one after the other of those that have `alone` in common."""
        # what is done one at a time waits here, and not in a thread that others could use
        async with self._locks.setdefault(alone, asyncio.Lock()):
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)


def add_routes(app: SiteApi, node: SiteNode, limiter: CapacityLimiter) -> None:
    """The routes of a site; at most as many of them compute at once as the limiter lets."""
    app.add_api_route("/health", _health, name="health", summary="Whether the process answers")
    app.add_api_route("/docs", _docs, include_in_schema=False)
    # on the application itself: the routes of a router would be built a second time, at the first request
    app.router.route_class = _QuickRoute
    _add_keyed(app, node, _Threads(limiter))


async def _health() -> Health:
    """It looks neither at the data nor at anything else."""
    return Health()


async def _docs(asked: Request) -> Response:
    return Response(interface_page(asked.app.openapi()), headers=headers(), media_type="text/html")


def _add_keyed(app: SiteApi, node: SiteNode, threads: _Threads) -> None:
    """The routes that ask for the site's key."""

    @app.get("/v1/about", summary="Who the site is", dependencies=_KEYED, responses=_ABOUT)
    async def about() -> About:
        """Name, policy, the versions of the protocol that it speaks, and the keyed hash of its data as they are now."""
        # not behind the limiter: it must answer while the site computes
        return await anyio.to_thread.run_sync(node.about)

    @app.post(
        f"{_ANALYSIS}/prepare",
        summary="Whether the site can and will take part",
        dependencies=_KEYED,
        responses=_PREPARED,
    )
    async def prepare(analysis_id: Analysis, request: PrepareRequest, asked: Request) -> Accepted:
        """It reads its rows and holds them against its policy. The same request again gets the same answer."""
        left = asyncio.create_task(_left(asked))

        def work() -> Accepted:
            """Prepares, if anybody still wants to know."""
            if left.done():  # a cancelled analysis: the next one does not wait for its design
                raise RequestError("whoever asked has left.", where="the connection", code=_ASKER_LEFT)
            return node.prepare(analysis_id, request.specification)

        try:
            return await threads.compute(_PREPARING, work)
        finally:
            left.cancel()

    @app.post(
        f"{_ANALYSIS}/contributions",
        summary="The site's contribution to a round",
        response_model=Reply,
        dependencies=_KEYED,
        responses=_ANSWERED | _PACKED,
    )
    async def contributions(analysis_id: Analysis, request: ContributionRequest, asked: Request) -> Response:
        """The start is round 0. Under masks what leaves is noise of which only the sum over all sites makes sense."""
        accept = asked.headers.get("Accept", "")
        reply = await threads.compute(
            analysis_id, partial(node.contributions, analysis_id, request, lambda reply: _body(reply, accept)[0])
        )
        content, form = _body(reply, accept)
        return Response(content, media_type=form)

    @app.post(f"{_ANALYSIS}/close", summary="The end of an analysis", dependencies=_KEYED, responses=_CLOSED)
    async def close(analysis_id: Analysis, request: CloseRequest) -> CloseReply:
        """It forgets its design, and signs what a masked fit ended with if it is its own step's."""
        return await threads.compute(analysis_id, partial(node.close, analysis_id, request))


def _body(reply: Wire, accept: str) -> tuple[bytes, str]:
    """A reply as it leaves, and the name of its form."""
    if packed.accepted(accept) and isinstance(reply, EvaluateReply) and reply.contribution.information is None:
        return packed.pack(reply), packed.MEDIA_TYPE
    return reply.written, _JSON


async def _left(request: Request) -> None:
    """Waits until nobody is there to be answered."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
