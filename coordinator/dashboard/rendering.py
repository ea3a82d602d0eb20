"""Templates to pages, and the headers and cookies that go with them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment

from coordinator.dashboard import wording
from coordinator.dashboard.visitor import FORM_COOKIE, HOST_ONLY, cookie_of, form_token, session_of
from coordinator.states import AnalysisState
from shared.page.templates import templates_in

TEMPLATES = Path(__file__).parent / "templates"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every page. The referrer stays within the coordinator's own pages, which need it: a form's origin is checked."""


@cache
def environment() -> Environment:
    """The templates, compiled as they are needed."""
    known = {"STATES": tuple(AnalysisState), "state_in_words": wording.STATES, "LABELS": wording.LABELS}
    return templates_in(TEMPLATES, wording.FILTERS, known)


def page(
    request: Request, template: str, status: int = 200, *, headers: Mapping[str, str] | None = None, **values: Any
) -> Response:
    """A page, or a part of one.

    Args:
        request: what it answers.
        template: its file.
        status: of the answer.
        headers: further ones.
        values: what the template names.
    """
    shown = {
        "caller": getattr(request.state, "caller", None),
        "signed_in": session_of(request) is not None,
        "form_token": form_token(request),
        "path": request.url.path,
    }
    html = environment().get_template(template).render(shown | values)
    response = Response(html, status, {**HEADERS, **(headers or {})}, media_type="text/html")
    keep_form_token(request, response)
    return response


def keep_form_token(request: Request, response: Response) -> None:
    """Sets the cookie of a form's token, where no session holds it."""
    made = getattr(request.state, "form_token", None)
    if made is not None and cookie_of(request, FORM_COOKIE) != made:
        set_cookie(request, response, FORM_COOKIE, made)


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """A cookie that no script reads, that no other site's page sends, and that goes where it came from only.

    Behind a proxy that encrypts, the browser itself says in `Origin` that it does.
    """
    secure = request.url.scheme == "https" or request.headers.get("Origin", "").startswith("https:")
    shown = HOST_ONLY + name if secure else name
    response.set_cookie(shown, value, httponly=True, samesite="strict", secure=secure, path="/")


def end_cookie(request: Request, response: Response, name: str) -> None:
    """Has the browser forget a cookie that it sent."""
    for shown in (HOST_ONLY + name, name):
        if shown in request.cookies:
            secure = shown != name  # without it a browser takes nothing of that prefix
            response.delete_cookie(shown, httponly=True, samesite="strict", secure=secure, path="/")
