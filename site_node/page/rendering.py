"""Templates to pages. Whatever stands in a page is escaped, and a name that a template does not know is a fault."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from site_node.page import wording
from site_node.page.counter import counter_of

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The templates, compiled as they are needed."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= wording.FILTERS
    return made


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
