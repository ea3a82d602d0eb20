"""A result to look at: its plots and its report. What has ended stays as it is, so nobody needs to be sent it twice."""

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
        content = {self.media_type: {"schema": {"type": "string"}, "example": "<svg ...>"}}
        if self.needs_extra:
            content = {self.media_type: {"schema": {"type": "string", "format": "binary"}, "example": ""}}
        other = {409: NONE_YET} | ({501: WITHOUT_EXTRA} if self.needs_extra else {})
        shown = {"description": "The plot", "content": content}
        return {200: shown, **NOT_CHANGED, **openapi.problems(404, 422, other=other)}


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

    return _answered(service, analysis_id, Making("text/html", style(), url, made), known)


def _plotted(service: Service, analysis_id: str, name: PlotName, form: Form, known: str) -> Response:
    def made(result: dict[str, Any], _analysis: Analysis) -> str | bytes:
        return form.made(plot(name, result))

    try:
        return _answered(service, analysis_id, Making(form.media_type, STYLE, name, made), known)
    except SettingsError as error:
        return problems.problem_response(501, Problem.of(error))


@dataclass(frozen=True)
class Making:
    """How something is made of a result."""

    media_type: str
    stylesheet: str
    """Within it."""
    variant: str
    """What else it depends on."""
    made: Callable[[dict[str, Any], Analysis], str | bytes]

    def tag(self, result: str) -> str:
        """Another one whenever what is made would be."""
        parts = (_VERSION, self.media_type, self.stylesheet, self.variant, result)
        digest = sha256("\0".join(parts).encode()).hexdigest()
        return f'"{digest[:32]}"'


def _answered(service: Service, analysis_id: str, making: Making, known: str) -> Response:
    """What is made of the result, unless who asks has it already."""
    analysis, text = service.store.get(analysis_id), result_of(service, analysis_id)
    tag = making.tag(text)
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": _own_style_only(making.stylesheet),
        "X-Content-Type-Options": "nosniff",
    }
    if tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(making.made(json.loads(text), analysis), media_type=making.media_type, headers=headers)


def _own_style_only(stylesheet: str) -> str:
    """What a browser may do with it: show it in its own style, and nothing else."""
    digest = b64encode(sha256(stylesheet.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
