"""docs/plots.md: its pictures are what the fits give now, its tables name what there is, its program runs."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.routing import APIRoute

from coordinator.plots.catalogue import PlotName
from coordinator.plots.correlation import MOST_SHOWN
from coordinator.plots.estimates import OUTLYING
from coordinator.plots.intervals import MOST_LABELLED
from coordinator.routes.pictures import router
from tests.federation.plotted import DOCS, PICTURES, drawn, result_of
from tests.unit.pictured import Picture

pytestmark = pytest.mark.anyio

PAGE = (DOCS / "plots.md").read_text(encoding="utf-8")
AS_TEXT = {"data-label", "class", "id", "role", "viewBox", "aria-labelledby", "aria-describedby", "text-anchor"}
"""Attributes that are no numbers."""


def same(written: ET.Element, now: ET.Element) -> None:
    """The same words in the same places; numbers up to what another processor's arithmetic does to them."""
    assert (written.tag, written.text, set(written.attrib)) == (now.tag, now.text, set(now.attrib))
    for name, value in written.attrib.items():
        if name in AS_TEXT:
            assert value == now.attrib[name]
        elif name.startswith("data-"):
            assert float(value) == pytest.approx(float(now.attrib[name]), rel=1e-6, abs=1e-9)
        else:
            assert float(value) == pytest.approx(float(now.attrib[name]), abs=0.02)
    assert len(written) == len(now)
    for one, other in zip(written, now, strict=True):
        same(one, other)


@pytest.mark.parametrize("file", PICTURES)
async def test_a_picture_is_what_the_fit_gives_now(file: str, tmp_path: Path) -> None:
    """If this fails on purpose: python -m tests.federation.plotted."""
    written = Picture((DOCS / file).read_text(encoding="utf-8"))
    same(written.root, Picture(await drawn(file, tmp_path)).root)
    assert f"]({file})" in PAGE


def test_every_plot_and_every_route_is_named() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(PlotName)
    asked = {path.replace("{id}", "{analysis_id}") for path in re.findall(r"`GET /v1(\S+)`", PAGE)}
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    assert asked == {route.path for route in routes}
    assert len(routes) == len(router.routes)


def test_the_numbers_in_the_text_are_those_of_the_code() -> None:
    assert f"From {MOST_LABELLED + 1} rows on" in PAGE
    assert f"more than {MOST_SHOWN} estimates" in PAGE
    assert OUTLYING == 100
    assert "An interval a hundred times wider" in PAGE


async def test_its_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result: dict[str, Any] = await result_of("contraception_ri", tmp_path)
    (tmp_path / "result.json").write_text(json.dumps(result), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lines = PAGE.split("## From Python")[1].split("## ")[0].splitlines()
    exec("\n".join(line[4:] for line in lines if line.startswith("    ")), {})  # noqa: S102 -- the page's own
    assert Picture((tmp_path / "forest.svg").read_text(encoding="utf-8")).rows
    assert result["formula"] in (tmp_path / "report.html").read_text(encoding="utf-8")
