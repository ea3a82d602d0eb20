"""A result to look at: its plots and its report. What has ended stays as it is: a browser's copy is asked for once."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response

from coordinator import problems
from coordinator.calls import calls
from coordinator.plots.catalogue import PlotName, plot
from coordinator.plots.conversion import NO_PICTURES, as_pdf, as_png
from coordinator.plots.style import STYLE
from coordinator.plots.svg import standalone
from coordinator.records import Analysis
from coordinator.report.page import Occasion, report, style
from coordinator.routes.analyses import NONE_YET, result_of
from coordinator.routes.service import Given, Id, Service
from shared import openapi
from shared.errors import SettingsError
from shared.messages import Problem
from shared.openapi import Example

_VERSION = version("fedglmm")
NOT_CHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The copy with that `ETag` is still right"}}
WITHOUT_EXTRA = Example(
    "The coordinator is installed without the extra `pictures`",
    NO_PICTURES,
    "PNG and PDF need the extra `pictures`, and SVG needs nothing.",
    "Take the SVG.",
)
Name = Annotated[PlotName, Path(description="the plot")]
Known = Annotated[str, Header(alias="If-None-Match", description="the `ETag` of the copy that one has")]
router = APIRouter()


@dataclass(frozen=True)
class Form:
    """How a plot is handed out."""

    media_type: str
    made: Callable[[str], str | bytes]
    """Of the SVG that stands in a page."""
    needs_extra: bool = False

    @property
    def responses(self) -> dict[int | str, dict[str, Any]]:
        """As a description has them."""
        content: dict[str, Any] = {self.media_type: {"schema": {"type": "string"}, "example": "<svg ...>"}}
        if self.needs_extra:
            content = {self.media_type: {"schema": {"type": "string", "format": "binary"}, "example": ""}}
        other = {409: NONE_YET} | ({501: WITHOUT_EXTRA} if self.needs_extra else {})
        described: dict[int | str, dict[str, Any]] = {200: {"description": "The plot", "content": content}}
        return {**described, **NOT_CHANGED, **openapi.problems(404, 422, other=other)}


SVG = Form("image/svg+xml", standalone)
PNG = Form("image/png", as_png, needs_extra=True)
PDF = Form("application/pdf", as_pdf, needs_extra=True)
REPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report: one page of HTML that needs nothing else",
        "content": {"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>..."}},
    },
    **NOT_CHANGED,
    **openapi.problems(404, 422, other={409: NONE_YET}),
}


@router.get("/analyses/{analysis_id}/plots/{name}.svg", response_class=Response, responses=SVG.responses)
def plot_as_svg(service: Given, analysis_id: Id, name: Name, known: Known = "") -> Response:
    """A plot of the result as SVG, which carries its numbers exactly."""
    return _plotted(service, analysis_id, name, SVG, known)


@router.get("/analyses/{analysis_id}/plots/{name}.png", response_class=Response, responses=PNG.responses)
def plot_as_png(service: Given, analysis_id: Id, name: Name, known: Known = "") -> Response:
    """A plot of the result as PNG."""
    return _plotted(service, analysis_id, name, PNG, known)


@router.get("/analyses/{analysis_id}/plots/{name}.pdf", response_class=Response, responses=PDF.responses)
def plot_as_pdf(service: Given, analysis_id: Id, name: Name, known: Known = "") -> Response:
    """A plot of the result as PDF."""
    return _plotted(service, analysis_id, name, PDF, known)


@router.get("/analyses/{analysis_id}/report", response_class=Response, responses=REPORT)
def report_of(service: Given, request: Request, analysis_id: Id, known: Known = "") -> Response:
    """The result as a page to read and to print."""
    url = str(request.base_url).rstrip("/")

    def made(result: dict[str, Any], analysis: Analysis) -> str:
        again = calls(analysis.request.model_copy(update={"sites": analysis.roster}), url, keyed=bool(analysis.owner))
        return report(result, Occasion(analysis.id, analysis.owner, analysis.created_at, analysis.since, again))

    return _answered(service, analysis_id, ("text/html", style()), (url, known), made)


def _plotted(service: Service, analysis_id: str, name: PlotName, form: Form, known: str) -> Response:
    def made(result: dict[str, Any], _analysis: Analysis) -> str | bytes:
        return form.made(plot(name, result))

    try:
        return _answered(service, analysis_id, (form.media_type, STYLE), (name, known), made)
    except SettingsError as error:
        return problems.problem_response(501, Problem.of(error))


def _answered(
    service: Service,
    analysis_id: str,
    kind: tuple[str, str],
    asked: tuple[str, str],
    made: Callable[[dict[str, Any], Analysis], str | bytes],
) -> Response:
    """What is made of the result, unless who asks has it already.

    Args:
        service: what the routes are handed.
        analysis_id: the analysis.
        kind: the media type, and the stylesheet that the text has in it.
        asked: what else it depends on, and the tags that who asks knows.
        made: makes it.
    """
    (media_type, stylesheet), (about, known) = kind, asked
    analysis, text = service.store.get(analysis_id), result_of(service, analysis_id)
    parts = (_VERSION, media_type, stylesheet, about, text)
    tag = f'"{sha256(repr(parts).encode()).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": _own_style_only(stylesheet),
        "X-Content-Type-Options": "nosniff",
    }
    if tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(made(json.loads(text), analysis), media_type=media_type, headers=headers)


def _own_style_only(stylesheet: str) -> str:
    """What a browser may do with it: show it in its own style, and nothing else."""
    digest = b64encode(sha256(stylesheet.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
