"""The system's Chromium, watched: a page may ask this machine only, and nothing may go wrong in it.

It needs a browser, so these tests run only if FEDGLMM_BROWSER is 1; `.ci/run` sees to both.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from shared.listening import is_loopback

PROGRAM = "/usr/bin/chromium"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
Scheme: TypeAlias = Literal["light", "dark"]
PHONE: ViewportSize = {"width": 375, "height": 800}
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
UNANSWERED = ("htmx:afterRequest", "htmx:sendError")
"""How htmx says on the console that nobody answered."""
PATIENCE = 60_000.0
"""Milliseconds, on a machine that has much else to do."""
NEEDED = pytest.mark.skipif(os.environ.get("FEDGLMM_BROWSER") != "1", reason="it needs Chromium: set FEDGLMM_BROWSER=1")


@dataclass
class Watched:
    """A page, and all that it asked for or that went wrong in it."""

    page: Page
    elsewhere: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda socket: self._asked(socket.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: self._said(message.type, message.text))

    def check(self) -> None:
        assert self.elsewhere == []
        assert self.faults == []

    @contextmanager
    def server_stopped(self) -> Iterator[None]:
        """While it lasts, that what the page asks for stays unanswered is no fault of the page."""
        before = len(self.faults)
        yield
        self.faults[before:] = [fault for fault in self.faults[before:] if not fault.startswith(UNANSWERED)]

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob", "about"} and not is_loopback(parts.hostname or ""):
            self.elsewhere.append(url)

    def _said(self, kind: str, text: str) -> None:
        """An answer that is an error is in the tests' own hands; a policy that is broken is not."""
        if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
            self.faults.append(text)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(browser: Browser, url: str, **context: Any) -> Iterator[Watched]:
    """A page of a browser that knows nothing yet; at the end nothing may have gone wrong in it.

    Args:
        browser: the browser.
        url: the coordinator's, to which paths are relative.
        context: further settings of Playwright's.
    """
    with browser.new_context(base_url=url, **context) as opened:
        made = Watched(opened.new_page())
        yield made
        made.check()


def violations(page: Page, *rules: str) -> list[dict[str, Any]]:
    """What axe finds on a page as it is, by these of its rules, or by all."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    told = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    result = page.evaluate("told => axe.run(document, told)", told)
    assert result["passes"], "it has looked"
    found: list[dict[str, Any]] = result["violations"]
    return found


def obstacles(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds serious on a page as it is: the rule, and where it is broken."""
    serious = [one for one in violations(page) if one["impact"] in {"serious", "critical"}]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious]
