"""Looking at analyses, and ending them: everything below /v1/analyses but their submission and their events."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from coordinator import examples, problems
from coordinator.records import Analysis
from coordinator.routes.service import Asking, Given, Id, Service
from coordinator.states import WITH_RESULT
from coordinator.views import AnalysesView, AnalysisView, RoundView, TraceView
from coordinator.wanted import NEWEST, Wanted
from shared import openapi
from shared.errors import NoResultError, RequestError
from shared.openapi import Example
from shared.wire import AnalysisId

NO_BEFORE = openapi.USUAL[404]._replace(description="There is no analysis `before`")
NONE_YET = Example(
    "There is no result, or none yet",
    NoResultError.code,
    "there is no result: the analysis is running.",
    "Ask again once it has ended.",
)
RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The result",
        "content": {"application/json": {"schema": {"type": "object"}, "example": examples.RESULT}},
    },
    **openapi.problems(404, 422, other={409: NONE_YET}),
}
CANCELLED: dict[int | str, dict[str, Any]] = {
    202: {"model": AnalysisView, "description": "It is cancelled"},
    204: {"description": "It had ended, and is deleted"},
    **openapi.problems(
        404,
        422,
        other={
            409: Example(
                "It would do what `only` excludes",
                problems.NOT_ENDED,
                "it has not ended: it is running.",
                "Nothing was changed; cancel it first.",
            )
        },
    ),
}
router = APIRouter()


class Page(Wanted):
    """Which analyses, and how many."""

    limit: int = Field(default=50, ge=1, le=NEWEST, description="how many at most")
    before: AnalysisId | None = Field(default=None, description="the last one of the page before, to go on after it")


class Only(BaseModel):
    """What a DELETE may do; what is not known is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")

    only: Literal["cancel", "delete"] | None = Field(default=None, description="409 where it would do the other")


@router.get("/analyses", responses=openapi.problems(422, other={404: NO_BEFORE}))
def newest(service: Given, page: Annotated[Page, Query()]) -> AnalysesView:
    """Analyses, newest first."""
    analyses = service.store.newest(page, limit=page.limit, before=page.before)
    views = tuple(AnalysisView.of(analysis) for analysis in analyses)
    return AnalysesView(analyses=views, before=views[-1].id if len(views) == page.limit else None)


@router.get("/analyses/{analysis_id}", responses=openapi.problems(404, 422))
def show(service: Given, analysis_id: Id) -> AnalysisView:
    """An analysis as it stands."""
    return AnalysisView.of(service.store.get(analysis_id))


@router.get("/analyses/{analysis_id}/rounds", responses=openapi.problems(404, 422))
def trace(service: Given, analysis_id: Id) -> TraceView:
    """The rounds so far."""
    return TraceView(rounds=tuple(RoundView.of(entry) for entry in service.store.trace(analysis_id)))


@router.get("/analyses/{analysis_id}/result", responses=RESULT)
def result(service: Given, analysis_id: Id) -> Response:
    """The canonical result of an ended analysis."""
    return Response(result_of(service, analysis_id), media_type="application/json")


@router.delete("/analyses/{analysis_id}", status_code=202, responses=CANCELLED)
async def cancel_or_delete(
    service: Given, asking: Asking, analysis_id: Id, query: Annotated[Only, Query()]
) -> Response:
    """Cancels an analysis that is under way; deletes an ended one with its rounds and its result.

    One's own with the role `run`, and anybody's with the role `administer`.
    """
    analysis = await asyncio.to_thread(service.store.get, analysis_id)
    asking.require_may_end(analysis.owner)
    if query.only is not None:
        require_standing(analysis, ended=query.only == "delete")
    if analysis.state.ended:
        await service.runner.delete(analysis_id)
        return Response(status_code=204)
    cancelled = await service.runner.cancel(analysis_id)
    return Response(AnalysisView.of(cancelled).model_dump_json(), status_code=202, media_type="application/json")


def result_of(service: Service, analysis_id: str) -> str:
    """The canonical result of an ended analysis, as JSON.

    Raises:
        UnknownAnalysisError: there is no such analysis.
        NoResultError: it has no result, or none yet.
    """
    analysis = service.store.get(analysis_id)
    text = service.store.result(analysis_id)
    if analysis.state in WITH_RESULT and text is not None:
        return text
    raise NoResultError(
        f"there is no result: the analysis is {analysis.state.value}.",
        where=analysis_id,
        remedy="Its problem says why." if analysis.state.ended else "Ask again once it has ended.",
    )


def require_standing(analysis: Analysis, *, ended: bool) -> None:
    """Lets an analysis pass that has ended, or one that has not.

    Raises:
        RequestError: it is the other of the two; answered with 409.
    """
    if analysis.state.ended is ended:
        return
    code, message, remedy = (
        (problems.NOT_ENDED, "it has not ended", "Nothing was changed; cancel it first.")
        if ended
        else (problems.ENDED, "it has ended already", "Nothing was changed.")
    )
    raise RequestError(f"{message}: it is {analysis.state.value}.", where=analysis.id, remedy=remedy, code=code)
