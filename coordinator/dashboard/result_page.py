"""The result of an analysis: what to know first, the summary, tables and plots, and files to take away."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response

from coordinator.client.summary import summary
from coordinator.dashboard.exhibits import DOWNLOADS, PLOTS, Result
from coordinator.dashboard.rendering import HEADERS, page
from coordinator.dashboard.trace import trace_of
from coordinator.dashboard.visitor import Visiting
from coordinator.routes.analyses import result_of
from coordinator.routes.service import Given, Id
from coordinator.views import AnalysisView
from shared.optimisation.outcome import OutcomeKind

RATIOS = {"logit": "odds ratios", "log": "ratios", "cloglog": "hazard ratios"}
"""What coefficients become by the exponential function, by the link that they are of."""
NOT_FOUND = 404
Exponentiate = Annotated[bool, Query(description="coefficients as ratios")]
router = APIRouter()


@router.get("/analyses/{analysis_id}/result")
def result_page(
    request: Request, service: Given, _visiting: Visiting, analysis_id: Id, exponentiate: Exponentiate = False
) -> Response:
    """The page; 409 in words while there is no result."""
    result: Result = json.loads(result_of(service, analysis_id))
    ratios = RATIOS.get(result["link"])
    as_ratios = exponentiate and ratios is not None
    return page(
        request,
        "result.html",
        analysis=AnalysisView.of(service.store.get(analysis_id)),
        result=result,
        warnings=_warnings(result),
        estimates=OutcomeKind(result["convergence"]["outcome"]).has_estimates,
        summary=summary(result),
        rows=trace_of(service.store, analysis_id),
        downloads=DOWNLOADS,
        table=None,
        plots=[{"title": plot.title, "svg": plot.shown(result, as_ratios)} for plot in PLOTS],
        ratios=ratios,
        exponentiate=as_ratios,
    )


@router.get("/analyses/{analysis_id}/files/{name}")
def file(
    service: Given, _visiting: Visiting, analysis_id: Id, name: str, exponentiate: Exponentiate = False
) -> Response:
    """A file to take away."""
    download = DOWNLOADS.get(name)
    if download is None:
        raise HTTPException(NOT_FOUND, "There is no such file of a result")
    result: Result = json.loads(result_of(service, analysis_id))
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{analysis_id}-{name}"'}
    return Response(download.made(result, exponentiate), headers=headers, media_type=download.media_type)


def _warnings(result: Result) -> list[dict[str, Any]]:
    """What is to be known before any number; that the optimum was reached is none."""
    return list(result["warnings"])
