"""A newcomer's way through the pages of a running federation: from the sign-in to a file with the estimates."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import NEEDED, PATIENCE, watched
from tests.e2e.small_federation import Federation, free_ports, small_federation
from tests.federation.people import entry, key_of, keys_file, shown

pytestmark = NEEDED
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    folder = tmp_path_factory.mktemp("newcomer")
    keys = folder / "keys.toml"
    keys.write_text(keys_file({"anna": "run", "rolf": "read"}), encoding="utf-8")
    keys.chmod(0o600)
    with small_federation(folder, keys_file="keys.toml", port=free_ports(1)[0]) as running:
        yield running


def url_of(federation: Federation) -> str:
    return str(federation.coordinator.announced()["url"])


def test_from_the_sign_in_to_a_finished_fit_to_a_file(federation: Federation, browser: Browser, tmp_path: Path) -> None:
    url = url_of(federation)
    with watched(browser, url) as watching:
        page = watching.page
        page.goto("/")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.get_by_label("Your key, or a token").fill(key_of("nobody"))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("Nobody is known by this key.")
        page.get_by_label("Your key, or a token").fill(key_of("anna"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Analyses")).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("There is no analysis here.")

        page.get_by_role("main").get_by_role("link", name="New analysis").click()
        page.get_by_label("Explain y").check()
        page.get_by_label("By x").check()
        page.get_by_label("Random intercept of").select_option("site")
        page.get_by_role("button", name="Write the formula").click()
        expect(page.get_by_label("Formula, as lme4 writes it")).to_have_value("y ~ x + (1 | site)")
        expect(page.locator("#check")).to_contain_text("by site: (Intercept)")
        page.get_by_label("Title, for people").fill("My first fit")
        page.get_by_role("button", name="Submit the analysis").click()

        expect(page.get_by_role("heading", name="My first fit")).to_be_visible()
        page.get_by_role("link", name="See the result").click()
        expect(page.get_by_role("heading", name="What to know first")).to_be_visible()
        expect(page.locator("pre.summary")).to_contain_text("Generalized linear mixed model fit by maximum likelihood")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="estimates.csv").click()
        downloading.value.save_as(tmp_path / "estimates.csv")
        analysis = page.url.split("/")[-2]
    result = httpx.get(f"{url}/v1/analyses/{analysis}/result", headers=shown("anna")).json()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "estimates.csv").read_text(encoding="utf-8"))))
    assert [float(row["estimate"]) for row in rows] == [row["estimate"] for row in result["tidy"]]


def test_who_may_only_look_finds_no_way_to_submit(federation: Federation, browser: Browser) -> None:
    with watched(browser, url_of(federation)) as watching:
        page = watching.page
        page.goto("/analyses/new")
        page.get_by_label("Your key, or a token").fill(key_of("rolf"))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("Ask an administrator of the coordinator for the role `run`.")
        page.get_by_role("link", name="All analyses").click()
        expect(page.get_by_role("link", name="New analysis")).to_have_count(0)
        page.get_by_role("button", name="Sign out").click()
        page.goto("/analyses")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_typo_is_marked_while_the_formula_is_being_written(federation: Federation, browser: Browser) -> None:
    with watched(browser, url_of(federation)) as watching:
        page = watching.page
        page.goto("/analyses/new")
        page.get_by_label("Your key, or a token").fill(key_of("anna"))
        page.get_by_role("button", name="Sign in").click()
        formula = page.get_by_label("Formula, as lme4 writes it")
        formula.fill("y ~ x + agge")
        expect(page.locator("#check mark")).to_have_text("agge")
        expect(formula).to_have_attribute("aria-invalid", "true")
        formula.fill("y ~ ")
        formula.press("End")
        page.get_by_role("button", name="x", exact=True).click()
        expect(formula).to_have_value("y ~ x")
        expect(page.locator("#check")).to_contain_text("Fixed effects")
        expect(page.locator("#check mark")).to_have_count(0)
        expect(formula).to_have_attribute("aria-invalid", "false")


def test_a_page_that_is_live_asks_for_a_sign_in_once_its_key_is_revoked(
    federation: Federation, browser: Browser
) -> None:
    keys = federation.folder / "keys.toml"
    before = keys.read_text(encoding="utf-8")
    with watched(browser, url_of(federation)) as watching, federation.gates["Bern"].holding("2", "question") as held:
        page = watching.page
        page.goto("/analyses/new")
        page.get_by_label("Your key, or a token").fill(key_of("anna"))
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Formula, as lme4 writes it").fill("y ~ x")
        page.get_by_role("button", name="Submit the analysis").click()
        held.wait()
        expect(page.get_by_role("status")).to_have_text("This page is live.")
        keys.write_text(entry("anna", "run", revoked="2026-02-01") + entry("rolf", "read"), encoding="utf-8")
        federation.gates["Bern"].open()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("The key was revoked on 2026-02-01.")
    keys.write_text(before, encoding="utf-8")


def test_a_coordinator_that_was_restarted_asks_for_a_sign_in_and_leads_back_to_the_page_that_was_live(
    federation: Federation, browser: Browser
) -> None:
    gate = federation.gates["Bern"]
    with watched(browser, url_of(federation)) as watching, gate.holding("2", "question") as held:
        page = watching.page
        page.goto("/analyses/new")
        page.get_by_label("Your key, or a token").fill(key_of("anna"))
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Formula, as lme4 writes it").fill("y ~ x")
        page.get_by_label("Title, for people").fill("Over a restart")
        page.get_by_role("button", name="Submit the analysis").click()
        held.wait()
        expect(page.get_by_role("status")).to_have_text("This page is live.")
        live = page.url
        with watching.server_stopped():
            federation.disconnect()
            federation.coordinator.kill()
            expect(page.get_by_role("status")).to_contain_text("The connection to the coordinator is lost.")
            page.evaluate("htmx.trigger('#trace', 'changed')")
            again = gate.hold("2", "question")
            federation.restart_coordinator()
            again.wait()
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
        expect(page.get_by_role("alert")).to_contain_text("What was under way goes on.")
        page.get_by_label("Your key, or a token").fill(key_of("anna"))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Over a restart")).to_be_visible()
        assert page.url == live
        expect(page.get_by_role("status")).to_have_text("This page is live.")
        gate.open()
        expect(page.get_by_role("link", name="See the result")).to_be_visible()


def test_the_list_is_narrowed_down_as_its_form_is_filled_in(federation: Federation, browser: Browser) -> None:
    url = url_of(federation)
    made = {"formula": "y ~ x", "title": "To be found"}
    assert httpx.post(f"{url}/v1/analyses", json=made, headers=shown("anna")).status_code == 201
    with watched(browser, url) as watching:
        page = watching.page
        page.goto("/analyses")
        page.get_by_label("Your key, or a token").fill(key_of("rolf"))
        page.get_by_role("button", name="Sign in").click()
        wanted = page.get_by_role("link", name="To be found")
        expect(wanted).to_be_visible()
        page.get_by_label("Formula with").fill("nowhere")
        page.keyboard.press("Tab")
        expect(page.get_by_text("There is no analysis like that here.")).to_be_visible()
        expect(page).to_have_url(re.compile(r"formula=nowhere"))
        page.get_by_label("Formula with").fill("Y ~ X")
        page.get_by_label("Who").fill("anna")
        page.get_by_label("From").fill("2026-01-01")
        page.keyboard.press("Enter")
        expect(wanted).to_be_visible()
        page.get_by_label("Who").fill("rolf")
        page.keyboard.press("Tab")
        expect(wanted).to_have_count(0)
