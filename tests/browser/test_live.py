"""The page of an analysis is kept as things are: rounds, pauses, endings, and a coordinator that goes away and comes back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import NEEDED, PATIENCE, Watched, watched
from tests.e2e.small_federation import Federation, free_ports, small_federation

pytestmark = NEEDED
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    folder, (port,) = tmp_path_factory.mktemp("live"), free_ports(1)
    with small_federation(folder, site_deadline_seconds=PATIENCE / 1000.0, port=port) as running:
        yield running


@pytest.fixture
def federation(_running: Federation) -> Iterator[Federation]:
    """Whatever a test has done to it, the next analysis runs."""
    yield _running
    for gate in _running.gates.values():
        gate.answers = lambda _step: None
    _running.healthy()


@pytest.fixture
def watching(federation: Federation, browser: Browser) -> Iterator[Watched]:
    with watched(browser, federation.coordinator.announced()["url"]) as made:
        yield made


@pytest.fixture
def page(watching: Watched) -> Page:
    return watching.page


def rounds(page: Page) -> list[str]:
    return page.locator("#trace tbody th").all_inner_texts()


def test_rounds_come_as_they_are_done_and_the_end_leads_to_the_result(federation: Federation, page: Page) -> None:
    with federation.gates["Bern"].holding("3", "question") as held:
        analysis = federation.submit()
        held.wait()
        page.goto(f"/analyses/{analysis}")
        expect(page.get_by_role("status")).to_have_text("This page is live.")
        expect(page.locator("#standing")).to_contain_text("It is being fitted")
        assert rounds(page) == ["1", "2"]
    expect(page.get_by_role("link", name="See the result")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("It has ended: nothing more will change here.")
    last = federation.view(analysis)["round"]
    expect(page.locator("#trace tbody tr")).to_have_count(last)
    assert rounds(page) == [str(number) for number in range(1, last + 1)]
    for chart in page.locator(".chart canvas").all():
        expect(chart).to_be_visible()
    assert page.locator(".chart canvas").count() == 2


def test_a_missing_site_is_named_until_it_answers(federation: Federation, page: Page) -> None:
    with federation.gates["Bern"].holding("2", "question") as held:
        analysis = federation.submit()
        held.wait()
        page.goto(f"/analyses/{analysis}")
        expect(page.locator("#standing")).to_contain_text("It is being fitted")
        federation.sites["Bern"].kill()
    expect(page.locator("#standing .notice")).to_contain_text("Missing")
    expect(page.locator("#standing .names")).to_have_text("Bern")
    federation.sites["Bern"].start()
    expect(page.get_by_role("link", name="See the result")).to_be_visible()


def test_a_paused_analysis_is_cancelled(federation: Federation, page: Page) -> None:
    federation.sites["Bern"].kill()
    analysis = federation.submit()
    page.goto(f"/analyses/{analysis}")
    expect(page.locator("#standing .names")).to_have_text("Bern")
    page.get_by_role("button", name="Cancel the analysis").click()
    expect(page.locator("#standing")).to_contain_text("It was cancelled")
    assert federation.view(analysis)["state"] == "cancelled"


def test_a_failure_says_whose_and_what_to_do_as_it_happens(federation: Federation, page: Page) -> None:
    with federation.gates["Chur"].holding("2", "question") as held:
        analysis = federation.submit()
        held.wait()
        page.goto(f"/analyses/{analysis}")
        expect(page.get_by_role("status")).to_have_text("This page is live.")
        federation.gates["Chur"].answers = lambda step: (200, b"{}") if step == "2" else None
    expect(page.locator("#standing")).to_contain_text("It failed")
    expect(page.locator("#standing .notice")).to_contain_text("Chur")
    page.get_by_role("link", name="Repeat with a change").click()
    expect(page.get_by_label("Formula, as lme4 writes it")).to_have_value("y ~ x + (1 | site)")


def test_a_coordinator_that_comes_back_is_followed_again(federation: Federation, watching: Watched) -> None:
    page = watching.page
    with federation.gates["Bern"].holding("3", "question") as held:
        analysis = federation.submit()
        held.wait()
        page.goto(f"/analyses/{analysis}")
        expect(page.get_by_role("status")).to_have_text("This page is live.")
        with watching.server_stopped():
            federation.disconnect()
            federation.coordinator.kill()
            expect(page.get_by_role("status")).to_contain_text("The connection to the coordinator is lost.")
            page.evaluate("htmx.trigger('#trace', 'changed')")
            again = federation.gates["Bern"].hold("3", "question")
            federation.restart_coordinator()
            again.wait()
            expect(page.get_by_role("status")).to_have_text("The connection is back: this page is live again.")
    expect(page.get_by_role("link", name="See the result")).to_be_visible()
    assert rounds(page)[-1] == str(federation.view(analysis)["round"])
