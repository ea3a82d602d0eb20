"""The analyst's interface over HTTP. Routes only translate: requests to use cases, stored values to views."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Body, Depends, FastAPI, Header, HTTPException, Path, Query, Request, Response
from pydantic import SecretStr

from coordinator import problems
from coordinator.runner import Runner
from coordinator.site_client import SiteClient
from coordinator.states import WITH_RESULT, AnalysisState
from coordinator.store import Store
from coordinator.submission import Desk
from coordinator.views import AnalysesView, AnalysisView, HealthView, RoundView, SitesView, SiteView, TraceView
from shared.body_limit import BodyLimit
from shared.dictionary import Dictionary
from shared.errors import FedglmmError
from shared.messages import AnalysisId, Problem
from shared.specification import AnalysisRequest

EXAMPLES = {
    "mixed model": {"value": {"formula": "death ~ treatment + (1 | site)", "family": "binomial"}},
    "counts of a trial": {"value": {"formula": "cbind(deaths, total - deaths) ~ treatment + (1 | site)"}},
    "no random term": {"value": {"formula": "length_of_stay ~ age10 + sex", "family": "gaussian"}},
}
LARGEST_REQUEST = 2**20
"""Bytes."""
Id = Annotated[AnalysisId, Path(description="the analysis")]


@dataclass(frozen=True)
class Service:
    """All that the routes are handed."""

    store: Store
    sites: Mapping[str, SiteClient]
    desk: Desk
    runner: Runner
    dictionary: Dictionary
    keys: tuple[SecretStr, ...] = field(default=(), repr=False)
    """The analysts' keys; none: everybody who reaches the port may ask."""


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Given = Annotated[Service, Depends(_service)]


async def _authorised(service: Given, authorization: Annotated[str, Header()] = "") -> None:
    scheme, _, sent = authorization.partition(" ")
    known = [hmac.compare_digest(sent.strip().encode(), key.get_secret_value().encode()) for key in service.keys]
    if service.keys and not (scheme.lower() == "bearer" and any(known)):
        raise HTTPException(401, "this needs an analyst's key", {"WWW-Authenticate": "Bearer"})


public = APIRouter()
router = APIRouter(prefix="/v1", dependencies=[Depends(_authorised)])


def create_api(service: Service) -> FastAPI:
    """The app; its lifespan takes up unfinished analyses, and leaves them resumable."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(service.store.close)
            for site in service.sites.values():
                await stack.enter_async_context(site)
            stack.push_async_callback(service.runner.stop)
            await service.runner.start()
            yield

    app = FastAPI(
        title="fedglmm coordinator", summary="Mixed models over sites that keep their rows", lifespan=lifespan
    )
    app.state.service = service
    app.include_router(public)
    app.include_router(router)
    app.add_middleware(BodyLimit, limit=LARGEST_REQUEST)
    problems.install(app)
    return app


@public.get("/health")
async def health() -> HealthView:
    """Whether the coordinator is up."""
    return HealthView()


@router.post("/analyses", status_code=201)
async def submit(
    service: Given,
    response: Response,
    request: Annotated[AnalysisRequest, Body(openapi_examples=EXAMPLES)],
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> AnalysisView:
    """Submits an analysis. The same Idempotency-Key with the same request is the same analysis."""
    analysis, new = await asyncio.to_thread(service.desk.submit, request, idempotency_key)
    if new:
        service.runner.run(analysis.id)
    view = AnalysisView.of(analysis)
    response.status_code = 201 if new else 200
    response.headers["Location"] = view.links.self
    return view


@router.get("/analyses")
def newest(
    service: Given,
    state: AnalysisState | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: AnalysisId | None = None,
) -> AnalysesView:
    """Analyses, newest first."""
    analyses = service.store.newest(state=state, limit=limit, before=before)
    views = tuple(AnalysisView.of(analysis) for analysis in analyses)
    return AnalysesView(analyses=views, before=views[-1].id if len(views) == limit else None)


@router.get("/analyses/{analysis_id}")
def show(service: Given, analysis_id: Id) -> AnalysisView:
    """An analysis as it stands."""
    return AnalysisView.of(service.store.get(analysis_id))


@router.get("/analyses/{analysis_id}/rounds")
def trace(service: Given, analysis_id: Id) -> TraceView:
    """The rounds so far."""
    return TraceView(rounds=tuple(RoundView.of(entry.trace) for entry in service.store.rounds(analysis_id)))


@router.get("/analyses/{analysis_id}/result", responses={409: {"model": Problem}})
def result(service: Given, analysis_id: Id) -> Response:
    """The canonical result of an ended analysis."""
    analysis = service.store.get(analysis_id)
    text = service.store.result(analysis_id)
    if analysis.state in WITH_RESULT and text is not None:
        return Response(text, media_type="application/json")
    problem = Problem(
        code="no_result",
        message=f"there is no result: the analysis is {analysis.state.value}.",
        where=analysis_id,
        remedy="Its problem says why." if analysis.state.ended else "Ask again once it has ended.",
    )
    return problems.problem_response(409, problem)


@router.delete("/analyses/{analysis_id}", status_code=202, responses={202: {"model": AnalysisView}, 204: {}})
async def cancel_or_delete(service: Given, analysis_id: Id) -> Response:
    """Cancels an analysis that is under way; deletes an ended one with its rounds and its result."""
    analysis = await asyncio.to_thread(service.store.get, analysis_id)
    if analysis.state.ended:
        await service.runner.delete(analysis_id)
        return Response(status_code=204)
    cancelled = await service.runner.cancel(analysis_id)
    return Response(AnalysisView.of(cancelled).model_dump_json(), status_code=202, media_type="application/json")


@router.get("/sites")
async def sites(service: Given) -> SitesView:
    """Every site, asked right now."""

    async def asked(site: SiteClient) -> SiteView:
        try:
            return SiteView.of(site.name, await site.about(), site.last_seen)
        except FedglmmError as error:
            return SiteView.of(site.name, Problem.of(error), site.last_seen)

    return SitesView(sites=tuple(await asyncio.gather(*(asked(site) for site in service.sites.values()))))


@router.get("/dictionary")
async def dictionary(service: Given) -> Dictionary:
    """The consortium's variables."""
    return service.dictionary
