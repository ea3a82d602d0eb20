"""Everybody can use the pages: by keyboard, by screen reader, in light and in dark, on a phone, on paper."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from coordinator.dashboard.vendored import faults
from tests.browser.chromium import AXE, NEEDED, PHONE, obstacles, violations, watched
from tests.browser.desk import Desk, desk

MM_A_POINT = 25.4 / 72
PAPER = {"width": 673, "height": 971}
"""A4 between the report's margins, in CSS pixels."""
ON_PAPER = ("report", "result", "how-it-went", "analyses")
WRONG_ON_PAPER = """() => {
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    if (!one.checkVisibility({visibilityProperty: true}) || one.matches(".unseen, .skip")) continue;
    const style = getComputedStyle(one), box = one.getBoundingClientRect(), name = one.tagName + " " + one.className;
    if (box.width * box.height === 0) continue;
    if (box.right > innerWidth + 1) found.push("beyond the edge: " + name);
    if (style.overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1) found.push("cut: " + name);
    if (!["rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"].includes(style.backgroundColor)) found.push("painted: " + name);
    if (one.matches("nav, form, button, .button")) found.push("to be clicked: " + name);
  }
  return found;
}"""
NOT_FOR_PHONES = {"report"}
"""For paper."""


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
            found[name] = obstacles(watching.page)
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


@NEEDED
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper_nothing_is_cut_or_painted_or_to_be_clicked_and_everything_can_be_read(
    running: Desk, browser: Browser, scheme: str
) -> None:
    wrong, unreadable = {}, {}
    with watched(browser, running.url, color_scheme=scheme, viewport=PAPER) as watching:
        page = watching.page
        for name in ON_PAPER:
            page.goto(running.pages[name])
            page.wait_for_load_state("networkidle")
            page.emulate_media(media="print")
            wrong[name] = page.evaluate(WRONG_ON_PAPER)
            contrasts = violations(page, "color-contrast")
            unreadable[name] = [node["html"] for one in contrasts for node in one["nodes"]]
            page.emulate_media(media="null")
    assert wrong == {name: [] for name in ON_PAPER}
    assert unreadable == {name: [] for name in ON_PAPER}


@NEEDED
def test_the_report_prints_to_pages_of_a4_and_to_the_same_ones_from_a_dark_and_a_small_screen(
    running: Desk, browser: Browser
) -> None:
    pages = {}
    for scheme, view in (("light", {"width": 1300, "height": 900}), ("dark", PHONE)):
        with watched(browser, running.url, color_scheme=scheme, viewport=view) as watching:
            watching.page.goto(running.pages["report"])
            printed = watching.page.pdf(prefer_css_page_size=True)
        assert printed.startswith(b"%PDF")
        pages[scheme] = [
            [round(float(number) * MM_A_POINT) for number in box.split()]
            for box in re.findall(rb"/MediaBox \[([^\]]*)\]", printed)
        ]
    assert 2 <= len(pages["light"]) <= 8
    assert pages["light"] == [[0, 0, 210, 297]] * len(pages["light"])
    assert pages["dark"] == pages["light"]


def test_axe_is_what_its_manifest_says() -> None:
    assert faults(AXE.parent) == []
