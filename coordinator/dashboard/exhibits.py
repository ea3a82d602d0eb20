"""What a result is shown and handed out as: the one place where the pages meet plots, tables and the report."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

Result = dict[str, Any]


@dataclass(frozen=True)
class Exhibit:
    """Something that is made of a result."""

    title: str
    made: Callable[[Result, bool], str]
    """Of a result, and whether its coefficients are shown as ratios."""

    def shown(self, result: Result, exponentiate: bool) -> Markup:
        """As a part of a page: whoever makes it has escaped what stands in it."""
        return Markup(self.made(result, exponentiate))  # noqa: S704 -- plots and tables are made of elements, not of text


@dataclass(frozen=True)
class Download(Exhibit):
    """A file that is made of a result."""

    media_type: str


def _whole(result: Result, _exponentiate: bool) -> str:
    return json.dumps(result, allow_nan=False, ensure_ascii=False, indent=2) + "\n"


PLOTS: tuple[Exhibit, ...] = ()
"""As the page shows them."""
DOWNLOADS: Mapping[str, Download] = {
    "result.json": Download("JSON, the whole result at full precision", _whole, "application/json"),
}
"""By the names of their files."""
