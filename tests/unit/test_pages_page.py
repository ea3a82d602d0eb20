"""docs/pages.md names every page and every limit as it is; what others wrote is in the repository as it was taken."""

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from coordinator.dashboard import analyses_page, signing_in, vendored
from coordinator.dashboard.pages import INSIDE
from coordinator.dashboard.rendering import HEADERS
from shared.page import sessions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pages.md").read_text(encoding="utf-8")
VENDOR = ROOT / "coordinator" / "dashboard" / "static" / "vendor"
PARTS = re.compile(r"^/$|/(standing|trace|events|now)$|/files/|\.css$")
"""What a page is made of, or leads on to another."""


def test_every_page_is_named() -> None:
    routes = [route for page in (*INSIDE, signing_in) for route in page.router.routes]
    pages = {route.path for route in routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())}
    told = set(re.findall(r"^\| `(/\S*)` \|", PAGE, re.MULTILINE))
    assert told == {path.replace("{analysis_id}", "{id}") for path in pages if not PARTS.search(path)} | {"/docs"}


def test_the_limits_are_those_of_the_page() -> None:
    assert f"A session lasts {sessions.ABSOLUTE_SECONDS / 3600:g} hours" in PAGE
    assert f"ends after {sessions.IDLE_SECONDS / 3600:g} without use" in PAGE
    assert f"{analyses_page.ON_A_PAGE} a page" in PAGE
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'self'; ")


def test_the_pictures_of_the_page_are_there() -> None:
    named = re.findall(r"!\[[^]]+\]\((screenshots/\S+)\)", PAGE)
    assert len(named) == 3
    assert all((ROOT / "docs" / picture).stat().st_size > 10_000 for picture in named)


def test_scripts_of_others_are_as_they_were_taken_with_their_licences() -> None:
    assert vendored.faults(VENDOR) == []
    for package in vendored.packages(VENDOR):
        assert any(file["name"].endswith(".LICENSE") for file in package["files"]), package["name"]
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])


@pytest.mark.parametrize("change", ["other", "missing", "more"])
def test_a_file_that_is_not_as_it_was_taken_is_told(tmp_path: Path, change: str) -> None:
    for file in VENDOR.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert vendored.faults(tmp_path) == []
    script = tmp_path / "htmx.min.js"
    match change:
        case "other":
            script.write_bytes(script.read_bytes() + b" ")
        case "missing":
            script.unlink()
        case _:
            (tmp_path / "more.js").write_text("", encoding="utf-8")
    (told,) = vendored.faults(tmp_path)
    assert told.startswith("more.js" if change == "more" else "htmx.min.js")
