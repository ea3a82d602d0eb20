"""The site's HTTP routes. Work goes to threads, faults become Problems, and nothing here computes."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Annotated, Any, TypeVar
from weakref import WeakValueDictionary

import anyio.to_thread
import structlog
from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import SecretStr
from pydantic_core import from_json
from starlette.exceptions import HTTPException

from shared import packed
from shared.bodies import NO_TEXT, UNREADABLE, request_in_words
from shared.codes import DATA_CHANGED, INTERNAL, LEDGER, UNAUTHORISED, code_of
from shared.errors import (
    ApprovalError,
    DataError,
    FedglmmError,
    RefusedError,
    RequestError,
    StoreError,
    UnknownAnalysisError,
)
from shared.interface_page import HEADERS, interface_page
from shared.messages import (
    About,
    Accepted,
    CloseReply,
    CloseRequest,
    ContributionRequest,
    EvaluateReply,
    Health,
    PrepareRequest,
    Problem,
)
from shared.openapi import PROBLEM_TYPE, Example, problems, tagged
from shared.validation import Words
from shared.wire import AnalysisId, Wire
from site_node.analyses import Reply
from site_node.data.rows_at_fault import RowError
from site_node.evaluation import SiteNode

Answer = TypeVar("Answer")
Analysis = Annotated[AnalysisId, Path(description="the coordinator's id of the analysis", examples=["k7mqx3hb2n5d"])]

_PREPARING = "preparing, of all analyses"
_ANALYSIS = "/analyses/{analysis_id}"
_SCHEME = HTTPBearer(auto_error=False, description="the site's key, if it has one; the guard asks for it")
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
_PREPARED = problems(403, 408, 413, 422, other={409: _CHANGED, 503: _NO_ENTRY})
_ANSWERED = problems(403, 404, 408, 413, 422, other={409: _CHANGED, 503: _NO_ENTRY})
_CLOSED = problems(404, 408, 413, 422, other={503: _NO_ENTRY})
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
LOGGED_TEXT = 200
"""Characters of a text of others that stand in the site's log."""

_log = structlog.get_logger()


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
        handler = super().get_route_handler()

        async def quick(request: Request) -> Response:
            return await handler(_QuickRequest(request.scope, request.receive))

        return quick


class SiteApi(FastAPI):
    """A site's application."""

    def openapi(self) -> dict[str, Any]:
        """What /openapi.json answers."""
        if self.openapi_schema is None:
            self.openapi_schema = tagged(super().openapi())
        return self.openapi_schema


def routes(node: SiteNode, limiter: CapacityLimiter) -> APIRouter:
    """The routes of a site; at most as many of them compute at once as the limiter lets."""
    locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def compute(alone: str, work: Callable[[], Answer]) -> Answer:
        # what is done one at a time waits here, and not in threads that others could use
        async with locks.setdefault(alone, asyncio.Lock()):
            return await anyio.to_thread.run_sync(work, limiter=limiter)

    router = APIRouter()
    keyed = APIRouter(
        route_class=_QuickRoute, prefix="/v1", dependencies=[Depends(_SCHEME)], responses=problems(401, 500)
    )

    @router.get("/health", summary="Whether the process answers")
    async def health() -> Health:
        return Health()

    @router.get("/docs", include_in_schema=False)
    async def docs(asked: Request) -> Response:
        return Response(interface_page(asked.app.openapi()), headers=HEADERS, media_type="text/html")

    @keyed.get("/about", summary="Who the site is", responses=problems(other={422: _NO_DATA}))
    async def about() -> About:
        # not behind the limiter: it must answer while the site computes
        return await anyio.to_thread.run_sync(node.about)

    @keyed.post(f"{_ANALYSIS}/prepare", summary="Whether the site can and will take part", responses=_PREPARED)
    async def prepare(analysis_id: Analysis, request: PrepareRequest, asked: Request) -> Accepted:
        left = asyncio.create_task(_left(asked))

        def work() -> Accepted:
            if left.done():  # a cancelled analysis: the next one does not wait for its design
                raise RequestError("whoever asked has left.", where="the connection", code=_ASKER_LEFT)
            return node.prepare(analysis_id, request.specification)

        try:
            return await compute(_PREPARING, work)
        finally:
            left.cancel()

    @keyed.post(
        f"{_ANALYSIS}/contributions",
        summary="The site's contribution to a round",
        response_model=Reply,
        responses=_ANSWERED | _PACKED,
    )
    async def contributions(analysis_id: Analysis, request: ContributionRequest, asked: Request) -> Response:
        accept = asked.headers.get("Accept", "")
        reply = await compute(
            analysis_id, partial(node.contributions, analysis_id, request, lambda reply: _body(reply, accept)[0])
        )
        content, form = _body(reply, accept)
        return Response(content, media_type=form)

    @keyed.post(f"{_ANALYSIS}/close", summary="The end of an analysis", responses=_CLOSED)
    async def close(analysis_id: Analysis, request: CloseRequest) -> CloseReply:
        return await compute(analysis_id, partial(node.close, analysis_id, request))

    router.include_router(keyed)
    return router


def add_problems(app: FastAPI, site: str) -> None:
    """Every fault that the application knows is answered as a Problem, and stands in the site's log without its text."""

    @app.exception_handler(FedglmmError)
    async def known(request: Request, error: FedglmmError) -> Response:
        analysis = request.path_params.get("analysis_id")
        row = error.row if isinstance(error, RowError) else None  # for the site's own eyes: not in the Problem
        _log.warning("problem", site=site, analysis=analysis, code=error.code, where=_short(error.where), row=row)
        return _problem(_status(error), Problem.of(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return _invalid(request_in_words(error))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        if error.status_code == UNREADABLE:
            return _invalid(NO_TEXT)
        return _problem(
            error.status_code, Problem(code=code_of(error.status_code), message=str(error.detail)), error.headers
        )


def _invalid(told: Words) -> Response:
    remedy = told.remedy or "See the site's /docs for what it takes."
    return _problem(422, Problem(code=RequestError.code, message=told.message, where=told.where, remedy=remedy))


def add_guard(app: FastAPI, site: str, key: SecretStr | None) -> None:
    """Asks for the key under /v1, and answers an unforeseen fault without its content."""

    @app.middleware("http")
    async def guard(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        if key is not None and request.url.path.startswith("/v1") and not _shows(request, key):
            client = request.client.host if request.client else None
            _log.warning("key refused", site=site, client=client, path=_short(request.url.path))
            problem = Problem(
                code=UNAUTHORISED,
                message="the bearer key is missing or wrong.",
                remedy="Send the key that the site's key_file holds.",
            )
            return _problem(401, problem, {"WWW-Authenticate": "Bearer"})
        try:
            return await proceed(request)
        except Exception as error:  # noqa: BLE001 -- its text may quote data, so it goes neither out nor into the log
            _log.error(
                "internal", site=site, fault=type(error).__name__, place=_place(error), path=_short(request.url.path)
            )
            problem = Problem(
                code=INTERNAL,
                message="the site failed in a way that it did not foresee.",
                remedy="Look at the site's log.",
            )
            return _problem(500, problem)


def _body(reply: Wire, accept: str) -> tuple[bytes, str]:
    """A reply as it leaves, and the name of its form."""
    if packed.accepted(accept) and isinstance(reply, EvaluateReply) and reply.contribution.information is None:
        return packed.pack(reply), packed.MEDIA_TYPE
    return reply.written, _JSON


async def _left(request: Request) -> None:
    """Waits until nobody is there to be answered."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _short(text: str) -> str:
    """What others wrote, for the log."""
    return text[:LOGGED_TEXT]


def _shows(request: Request, key: SecretStr) -> bool:
    shown = request.headers.get("Authorization", "").encode()
    return hmac.compare_digest(shown, f"Bearer {key.get_secret_value()}".encode())


def _status(error: FedglmmError) -> int:
    match error:
        case RefusedError():
            return 403
        case UnknownAnalysisError():
            return 404
        case StoreError():
            return 503
        case ApprovalError():
            return 409
        case DataError() if error.code == DATA_CHANGED:
            return 409
        case _:
            return 422


def _place(error: BaseException) -> str:
    """The innermost line of code of an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""


def _problem(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    content: dict[str, Any] = problem.model_dump()
    return JSONResponse(content, status, headers, PROBLEM_TYPE)
