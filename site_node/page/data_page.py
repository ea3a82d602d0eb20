"""The data against the dictionary, the floors and, if chosen, a model that was asked about: looked at when somebody says so."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from shared.specification import Specification
from site_node.inspection import Inspection, VariableReport, inspect
from site_node.page.counter import Counter, Given
from site_node.page.rendering import page
from site_node.page.visitor import Sent
from site_node.remarks import remarks

router = APIRouter()


@router.get("/data")
def data(request: Request, counter: Given, analysis: str = "") -> Response:
    """What can be looked at."""
    return _page(request, counter, analysis)


@router.post("/data")
def looked(request: Request, counter: Given, form: Sent) -> Response:
    """Looks, and says what was found."""
    analysis = form.one("analysis")
    found = without_cells(inspect(counter.settings, counter.dictionary(), _specification(counter, analysis)))
    said = remarks(found, counter.settings.policy)
    return _page(request, counter, analysis, found=found, said=said)


def without_cells(inspection: Inspection) -> Inspection:
    """What was found, without anything that stands in a cell or in a header: that is for `fedglmm-site check`."""
    unread = len(inspection.unread)
    return replace(
        inspection,
        variables=tuple(_without_cells(report) for report in inspection.variables),
        unread=(f"{unread} of them",) if unread else (),
    )


def _without_cells(report: VariableReport) -> VariableReport:
    """Levels are the dictionary's own words; values of a number are not, and texts that it lacks still less."""
    rare = report.rare
    if rare and not report.variable.coded_levels:
        rare = (f"{len(rare)} of its values",)
    return replace(report, unknown_levels=(), rare=rare)


def _page(
    request: Request,
    counter: Counter,
    analysis: str,
    *,
    found: Inspection | None = None,
    said: tuple[str, ...] = (),
) -> Response:
    approvals = counter.approvals()
    requests = () if approvals is None else approvals.all()[::-1]
    return page(request, "data.html", requests=requests, analysis=analysis, found=found, said=said)


def _specification(counter: Counter, analysis: str) -> Specification | None:
    approvals = counter.approvals()
    return None if approvals is None or not analysis else approvals.find(analysis).specification
