"""Submitting an analysis: POST /v1/analyses."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Request, Response

from coordinator.preference import preferred_wait
from coordinator.routes.service import Asking, Given
from coordinator.submission import KEY_REUSED
from coordinator.views import AnalysisView
from shared import openapi
from shared.openapi import Example
from shared.request import AnalysisRequest

EXAMPLES = {
    "mixed model": {"value": {"formula": "death ~ treatment + (1 | site)", "family": "binomial"}},
    "counts of a trial": {"value": {"formula": "cbind(deaths, total - deaths) ~ treatment + (1 | site)"}},
    "no random term": {"value": {"formula": "length_of_stay ~ age10 + sex", "family": "gaussian"}},
}
SUBMITTED: dict[int | str, dict[str, Any]] = {
    200: {"model": AnalysisView, "description": "This Idempotency-Key's analysis, which was there already"},
    303: {
        "model": AnalysisView,
        "description": "With `Prefer: wait`: it has ended, and there is its result",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "the result's address"}},
    },
    **openapi.problems(
        408,
        413,
        422,
        other={
            409: Example(
                "The Idempotency-Key stands for another request",
                KEY_REUSED,
                "this Idempotency-Key was used for another request.",
                "Use a new key.",
            )
        },
    ),
}
router = APIRouter()


@router.post("/analyses", status_code=201, responses=SUBMITTED)
async def submit(
    *,
    service: Given,
    asking: Asking,
    http: Request,
    response: Response,
    request: Annotated[AnalysisRequest, Body(openapi_examples=EXAMPLES)],
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="the same again is not a second analysis")
    ] = None,
    prefer: Annotated[list[str] | None, Header(description="`wait=SECONDS` holds the answer back")] = None,
) -> AnalysisView:
    """Submits an analysis, and waits for its end if that is preferred.

    The same Idempotency-Key with the same request is the same analysis.
    """
    analysis, new = await asyncio.to_thread(service.desk.submit, request, idempotency_key, asking.name)
    if new:
        service.runner.run(analysis.id)
    response.status_code = 201 if new else 200
    seconds = preferred_wait(prefer or ())
    if seconds is not None:
        await service.watchers.ended(analysis.id, seconds, _gone(http))
        analysis = await asyncio.to_thread(service.store.get, analysis.id)
        response.headers["Preference-Applied"] = f"wait={seconds}"
    view = AnalysisView.of(analysis)
    response.headers["Location"] = view.links.self
    if seconds is not None and view.links.result is not None:
        response.status_code = 303
        response.headers["Location"] = view.links.result
    return view


async def _gone(request: Request) -> None:
    """Waits until nobody is there to be answered."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
