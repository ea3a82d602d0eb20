"""Templates of pages. Whatever stands in a page is escaped, and a name that a template does not know is a fault."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent


def templates_in(folder: Path, filters: Mapping[str, Callable[..., Any]], known: Mapping[str, Any]) -> Environment:
    """The templates of a folder, compiled as they are needed; they may extend `frame.html`, what all pages stand in.

    Args:
        folder: of the files.
        filters: that they may use, by name.
        known: what every template may name.
    """
    made = Environment(
        loader=FileSystemLoader([folder, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= filters
    made.globals |= known
    return made
