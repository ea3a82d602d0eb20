"""Templates to pages."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment

from shared.page.templates import templates_in
from site_node.page import wording
from site_node.page.counter import counter_of

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The templates, compiled as they are needed."""
    return templates_in(TEMPLATES, wording.FILTERS, {})


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page.

    Args:
        request: what it answers.
        template: its file.
        status: of the answer.
        values: what the template names.
    """
    shown = {
        "site": counter_of(request).settings.name,
        "form_token": getattr(request.state, "form_token", None),
        "path": request.url.path,
    }
    return Response(environment().get_template(template).render(shown | values), status, media_type="text/html")
