"""Everybody can use the pages: by keyboard, by screen reader, in light and in dark, on a phone, on paper."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from coordinator.dashboard.vendored import faults
from tests.browser.chromium import NEEDED, watched
from tests.browser.desk import Desk, desk

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SERIOUS = {"serious", "critical"}
PHONE = {"width": 375, "height": 800}
NOT_FOR_PHONES = {"interface", "report"}
"""For programmers, and for paper."""


@pytest.fixture(scope="module")
def running() -> Iterator[Desk]:
    with desk() as made:
        yield made


@NEEDED
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(running: Desk, browser: Browser, scheme: str) -> None:
    found: dict[str, list[Any]] = {}
    with watched(browser, running.url, color_scheme=scheme) as watching:
        for name, path in running.pages.items():
            watching.page.goto(path)
            watching.page.wait_for_load_state("networkidle")
            watching.page.evaluate(AXE.read_text(encoding="utf-8"))
            result = watching.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            assert result["passes"], "it has looked"
            found[name] = [
                (one["id"], [node["html"] for node in one["nodes"]])
                for one in result["violations"]
                if one["impact"] in SERIOUS
            ]
    assert found == {name: [] for name in running.pages}


@NEEDED
def test_no_page_is_wider_than_a_phone(running: Desk, browser: Browser) -> None:
    widths = {}
    with watched(browser, running.url, viewport=PHONE) as watching:
        for name, path in running.pages.items():
            watching.page.goto(path)
            watching.page.wait_for_load_state("networkidle")
            widths[name] = watching.page.evaluate("document.documentElement.scrollWidth")
    assert {
        name: width for name, width in widths.items() if name not in NOT_FOR_PHONES and width > PHONE["width"]
    } == {}


@NEEDED
def test_the_keyboard_leads_past_the_masthead_and_to_everything_else(running: Desk, browser: Browser) -> None:
    with watched(browser, running.url) as watching:
        page = watching.page
        page.goto("/analyses")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "New analysis"
        page.keyboard.press("Enter")
        page.wait_for_url("**/analyses/new")


@NEEDED
def test_on_paper_there_is_what_was_found_and_no_way_to_click(running: Desk, browser: Browser) -> None:
    with watched(browser, running.url) as watching:
        page = watching.page
        page.goto(running.pages["result"])
        page.emulate_media(media="print")
        assert page.locator("pre.summary").is_visible()
        assert page.locator("table.estimates").is_visible()
        assert page.locator("svg.plot").first.is_visible()
        assert not page.get_by_role("navigation").first.is_visible()
        assert not page.get_by_role("link", name="result.json").is_visible()


def test_axe_is_what_its_manifest_says() -> None:
    assert faults(AXE.parent) == []
