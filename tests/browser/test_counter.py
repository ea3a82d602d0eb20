"""A person at a site decides in a real browser, while a coordinator waits and an analyst watches."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import NEEDED, PATIENCE, PHONE, Scheme, obstacles, watched
from tests.browser.counter import SITE, Counter, counter

pytestmark = NEEDED
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with counter(tmp_path_factory.mktemp("counter")) as made:
        yield made


@pytest.fixture(scope="module")
def page(running: Counter, browser: Browser) -> Iterator[Page]:
    """Somebody's who has signed in by the link, which is good once."""
    with watched(browser, running.url) as watching:
        running.sign_in(watching.page)
        yield watching.page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(running: Counter, page: Page, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    found = {}
    for name, path in running.pages.items():
        page.goto(path)
        found[name] = obstacles(page)
    assert found == {name: [] for name in running.pages}


def test_no_page_is_wider_than_a_phone(running: Counter, page: Page) -> None:
    before = page.viewport_size
    page.set_viewport_size(PHONE)
    widths = {}
    for name, path in running.pages.items():
        page.goto(path)
        widths[name] = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(before or PHONE)
    assert {name: width for name, width in widths.items() if width > PHONE["width"]} == {}


def test_the_data_are_looked_at_when_somebody_says_so(running: Counter, page: Page) -> None:
    page.goto(running.pages["decision"])
    page.get_by_role("link", name="hold the data against this model").click()
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing was found that would be refused.")


def test_what_is_approved_in_the_browser_goes_on_while_an_analyst_watches(
    running: Counter, page: Page, browser: Browser
) -> None:
    coordinator, title = running.federation.coordinator.announced()["url"], "Response by dose, again"
    analysis = running.federation.submit(title=title)
    with watched(browser, coordinator) as watching:
        analyst = watching.page
        analyst.goto(f"/analyses/{analysis}")
        expect(analyst.locator("#standing")).to_contain_text("waits for a person at a site to approve it")
        expect(analyst.locator("#standing .names")).to_contain_text(SITE)
        page.goto("/waiting")
        page.get_by_role("link", name=title).click()
        page.get_by_label("For how many days").fill("7")
        page.get_by_role("button", name="Approve").click()
        expect(page.locator(".verdict")).to_contain_text("approved until")
        # the coordinator asks again within as long as it has waited already, a minute at most
        expect(analyst.get_by_role("link", name="See the result")).to_be_visible(timeout=3 * PATIENCE)
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("ended: converged")
    page.get_by_role("link", name="Ledger").click()
    expect(page.get_by_role("main")).to_contain_text("verified")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the ledger").click()
    ledger = running.federation.data(SITE).with_name("ledger.jsonl")
    assert Path(download.value.path()).read_bytes() == ledger.read_bytes()
