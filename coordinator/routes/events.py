"""Following an analysis: GET /v1/analyses/{id}/events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from coordinator.events import Watch
from coordinator.routes.service import Given, Id
from shared import openapi
from shared.errors import StoreError

LOG = structlog.get_logger(__name__)
RECONNECT_AFTER = 1000
"""Milliseconds, which a reader of events whose connection broke should wait."""
LARGEST_NUMBER = 2**31 - 1
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `state` with the analysis as it stands, `round` with a round of the trace.",
        "content": {
            "text/event-stream": {
                "example": "retry: 1000\n\nevent: round\n"
                'data: {"round":1,"log_likelihood":-46.24,"decrement":0.11,"accepted":true,"seconds":0.02}\nid: 4\n\n'
            }
        },
    },
    **openapi.problems(404, 422),
}
router = APIRouter()


async def _watch(service: Given, analysis_id: Id, request: Request, response: Response) -> AsyncIterator[Watch]:
    """Lasts as long as the answer. An id that nobody knows is told before that begins."""
    await asyncio.to_thread(service.store.get, analysis_id)
    response.headers["Cache-Control"] = "no-store"
    shown = [request.headers.get(name, "") for name in ("Authorization", "Host")]
    with service.watchers.watching(analysis_id, lambda: service.access.admits(*shown)) as watch:
        yield watch


@router.get("/analyses/{analysis_id}/events", response_class=EventSourceResponse, responses=STREAM)
async def events(
    watch: Annotated[Watch, Depends(_watch)],
    last_event_id: Annotated[int, Header(ge=0, le=LARGEST_NUMBER, description="the last event that was read")] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Every state change and every round, from the first on or after the last that was read, up to the ending."""
    async for event in sent_events(watch, last_event_id):
        yield event


async def sent_events(watch: Watch, after: int) -> AsyncIterator[ServerSentEvent]:
    """What is watched, as it is sent. Where the database fails the reader comes back, and is told why it cannot be answered."""
    yield ServerSentEvent(retry=RECONNECT_AFTER)
    try:
        async for event in watch.events(after):
            yield ServerSentEvent(id=str(event.number), event=event.kind.value, raw_data=event.data)
    except StoreError as error:
        LOG.warning("events_not_read", problem=error.message)
