"""The result of an analysis: what to know first, estimates, plots, the summary, and files to take away."""

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from coordinator.client.ratios import ratios_in
from coordinator.client.summary import summary
from coordinator.client.wald import IN_WORDS
from coordinator.dashboard.exhibits import Download, Result, downloads_of, plots_of, table_of
from coordinator.dashboard.rendering import HEADERS, page
from coordinator.dashboard.trace import trace_of
from coordinator.dashboard.visitor import Visiting
from coordinator.plots.style import STYLE
from coordinator.routes.analyses import result_of
from coordinator.routes.pictures import report_of
from coordinator.routes.service import Given, Id
from coordinator.views import AnalysisView
from shared.optimisation.outcome import OutcomeKind

NOT_FOUND = 404
router = APIRouter()


@router.get("/analyses/{analysis_id}/result")
def result_page(
    request: Request,
    service: Given,
    _visiting: Visiting,
    analysis_id: Id,
    exponentiate: Annotated[bool, Query(description="coefficients as ratios")] = False,
) -> Response:
    """The page; 409 in words while there is no result."""
    result: Result = json.loads(result_of(service, analysis_id))
    ratios = ratios_in(result)
    as_ratios = exponentiate and ratios is not None
    has_estimates = OutcomeKind(result["convergence"]["outcome"]).has_estimates
    return page(
        request,
        "result.html",
        analysis=AnalysisView.of(service.store.get(analysis_id)),
        result=result,
        warnings=[one for one in result["warnings"] if one["message"] != result["convergence"]["advice"]],
        summary=summary(result),
        rows=trace_of(service.store, analysis_id),
        intervals=IN_WORDS,
        table=table_of(result, exponentiate=as_ratios) if has_estimates else None,
        plots=list(plots_of(result, exponentiate=as_ratios)) if has_estimates else [],
        downloads=_by_title(downloads_of(result)),
        ratios=ratios,
        exponentiate=as_ratios,
    )


@router.get("/analyses/{analysis_id}/files/{name}")
def file(service: Given, _visiting: Visiting, analysis_id: Id, name: str) -> Response:
    """A file to take away."""
    result: Result = json.loads(result_of(service, analysis_id))
    download = downloads_of(result).get(name)
    if download is None:
        raise HTTPException(NOT_FOUND, "There is no such file of this result")
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{analysis_id}-{name}"'}
    return Response(download.made(result), headers=headers, media_type=download.media_type)


@router.get("/analyses/{analysis_id}/report")
def report(request: Request, service: Given, _visiting: Visiting, analysis_id: Id) -> Response:
    """The result as one page to print and to send, which has its style in it."""
    return report_of(service, request, analysis_id)


@router.get("/plots.css")
async def look_of_plots(_visiting: Visiting) -> Response:
    """The stylesheet of the plots in a page."""
    return Response(STYLE, headers=HEADERS, media_type="text/css")


def _by_title(downloads: Mapping[str, Download]) -> list[tuple[str, list[str]]]:
    """The files' names below what is in them: a plot is there in several forms."""
    return [
        (title, [name for name, _ in files])
        for title, files in groupby(downloads.items(), key=lambda download: download[1].title)
    ]
