"""One analysis while it runs: where it stands, who is waited for, round by round; and its end, if somebody wants that."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from coordinator.access.roles import Caller
from coordinator.dashboard.rendering import HEADERS, page
from coordinator.dashboard.signing_in import HOME
from coordinator.dashboard.trace import trace_of
from coordinator.dashboard.visitor import Sent, Visiting, still_visits
from coordinator.events import Watch
from coordinator.records import Analysis
from coordinator.routes.analyses import require_standing
from coordinator.routes.events import LARGEST_NUMBER, sent_events
from coordinator.routes.service import Given, Id, Service
from coordinator.states import ENDED
from coordinator.views import AnalysisView
from shared.errors import RoleError

router = APIRouter()


@router.get("/analyses/{analysis_id}")
def analysis(request: Request, service: Given, visiting: Visiting, analysis_id: Id) -> Response:
    """The page; a script keeps it as things are."""
    after = len(service.store.events(analysis_id))  # before the rest is read: what happens meanwhile is told once more
    rows = trace_of(service.store, analysis_id)
    told = _standing(service, visiting, analysis_id)
    return page(request, "analysis.html", rows=rows, after=after, endings=json.dumps(sorted(ENDED)), **told)


@router.get("/analyses/{analysis_id}/standing")
def standing(request: Request, service: Given, visiting: Visiting, analysis_id: Id) -> Response:
    """The part that says where it stands."""
    return page(request, "standing.html", **_standing(service, visiting, analysis_id))


@router.get("/analyses/{analysis_id}/trace")
def trace(request: Request, service: Given, visiting: Visiting, analysis_id: Id) -> Response:
    """The part with the rounds."""
    rows = trace_of(service.store, analysis_id)
    return page(request, "trace.html", rows=rows, **_standing(service, visiting, analysis_id))


async def _watch(
    service: Given, _visiting: Visiting, analysis_id: Id, request: Request, response: Response
) -> AsyncIterator[Watch]:
    """Lasts as long as the answer."""
    await asyncio.to_thread(service.store.get, analysis_id)
    response.headers.update(HEADERS)
    with service.watchers.watching(analysis_id, lambda: still_visits(request, service)) as watch:
        yield watch


@router.get("/analyses/{analysis_id}/events", response_class=EventSourceResponse)
async def events(
    watch: Annotated[Watch, Depends(_watch)],
    last_event_id: Annotated[int, Header(ge=0, le=LARGEST_NUMBER)] = 0,
    after: Annotated[int, Query(ge=0, le=LARGEST_NUMBER)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """What happens to it, as the interface for programs tells it, after the event that the page knows or read last."""
    async for event in sent_events(watch, max(after, last_event_id)):
        yield event


@router.post("/analyses/{analysis_id}/cancel")
async def cancel(service: Given, visiting: Visiting, _form: Sent, analysis_id: Id) -> Response:
    """Ends an analysis that is under way."""
    kept = await _to_end(service, visiting, analysis_id)
    require_standing(kept, ended=False)
    await service.runner.cancel(analysis_id)
    return RedirectResponse(f"{HOME}/{analysis_id}", 303, HEADERS)


@router.post("/analyses/{analysis_id}/delete")
async def delete(service: Given, visiting: Visiting, _form: Sent, analysis_id: Id) -> Response:
    """Forgets an analysis that has ended."""
    kept = await _to_end(service, visiting, analysis_id)
    require_standing(kept, ended=True)
    await service.runner.delete(analysis_id)
    return RedirectResponse(HOME, 303, HEADERS)


async def _to_end(service: Service, visiting: Caller, analysis_id: str) -> Analysis:
    """The analysis, if it is the visitor's to end."""
    kept = await asyncio.to_thread(service.store.get, analysis_id)
    visiting.require_may_end(kept.owner)
    return kept


def _standing(service: Service, visiting: Caller, analysis_id: str) -> dict[str, Any]:
    kept = service.store.get(analysis_id)
    return {"analysis": AnalysisView.of(kept), "may_end": _may_end(visiting, kept)}


def _may_end(visiting: Caller, kept: Analysis) -> bool:
    try:
        visiting.require_may_end(kept.owner)
    except RoleError:
        return False
    return True
