"""An address that leads nowhere, or makes no sense, is told in a reader's words; programs are told the field."""

import re

import pytest

from coordinator.dashboard.wording import LABELS
from coordinator.states import AnalysisState
from coordinator.wanted import Wanted
from tests.federation.pages import Page, Visitor, submitted

pytestmark = pytest.mark.anyio

NO_PAGE = "There is no page at this address. Is it complete? The list of all analyses leads to every page."
NO_ANALYSIS = "There is no such analysis. Look for it among all analyses; it may have been deleted."


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/nothing", f"/nothing {NO_PAGE}"),
        ("/static/nothing", f"/static/nothing {NO_PAGE}"),
        ("/%E2%80%AEgnihton%07", f"/ gnihton {NO_PAGE}"),
        ("/analyses/nobody-has-this", f"nobody-has-this {NO_ANALYSIS}"),
        ("/analyses/nobody-has-this/result", f"nobody-has-this {NO_ANALYSIS}"),
        ("/analyses?before=nobody", f"nobody {NO_ANALYSIS}"),
        ("/analyses/new?again=nobody", f"nobody {NO_ANALYSIS}"),
    ],
)
async def test_what_there_is_not_is_a_404_in_a_readers_words(anna: Visitor, place: str, said: str) -> None:
    answer = await anna.get(place)
    assert answer.status_code == 404
    assert f"Not found {said} All analyses" in Page.of(answer).text
    assert "/analyses" in Page.of(answer).links()
    as_a_program = await anna.get(place, Accept="*/*")
    assert as_a_program.headers["Content-Type"] == "application/problem+json"


NO_DAY = "This is no day. Choose one, or write it as 2026-01-31."
STATE_NAMES = ", ".join(state.replace("_", " ") for state in AnalysisState)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/analyses?since=today", f"From {NO_DAY}"),
        ("/analyses?until=2026-02-30", f"To {NO_DAY}"),
        ("/analyses?state=nonsense", f"State There is no such state. The states are: {STATE_NAMES}."),
        ("/analyses?who=%01", "Who Nobody can be called this. Write at most 300 characters, on one line."),
        (
            f"/analyses?formula={'x' * 301}",
            "Formula with This cannot be a part of a formula. Write at most 300 characters",
        ),
        (
            "/analyses?colour=red",
            "colour (in the address) This page can do nothing with it. Leave it out of the address.",
        ),
        ("/analyses?before=NO", NO_ANALYSIS),
        ("/analyses/new?again=NO", NO_ANALYSIS),
        ("/analyses/NOT_AN_ID", NO_ANALYSIS),
    ],
)
async def test_an_address_that_makes_no_sense_is_a_422_in_a_readers_words(anna: Visitor, place: str, said: str) -> None:
    answer = await anna.get(place)
    page = Page.of(answer)
    assert answer.status_code == 422
    assert f"This cannot be carried out {said}" in page.text
    assert not re.search(r"query\.|path\.|/docs describes|GET /v1|pattern", page.text)
    assert "/analyses" in page.links()
    as_a_program = await anna.get(place, Accept="*/*")
    assert as_a_program.json()["where"].startswith(("query.", "path.")), "programs are told the field"


async def test_the_filters_are_called_the_same_on_the_page_and_where_one_is_at_fault(anna: Visitor) -> None:
    fields = [str(one["for"]) for one in (await anna.page("/analyses")).all("label")]
    assert set(fields) == set(LABELS) == set(Wanted.model_fields)
    for field in fields:
        label = re.search(rf'<label for="{field}">(.*?)</label>', (await anna.get("/analyses")).text)
        where = re.search(r'<p class="where">(.*?)</p>', (await anna.get(f"/analyses?{field}=%01")).text)
        assert label is not None
        assert where is not None
        assert label[1].lower() == where[1].lower()


async def test_an_address_of_forms_and_a_file_that_there_is_not_are_told_with_what_to_do(anna: Visitor) -> None:
    analysis = await submitted(anna)
    for place, status, said in (
        (f"/analyses/{analysis}/cancel", 405, "There is nothing to look at: forms are sent to this address. Go back"),
        ("/sign-out", 405, "There is nothing to look at: forms are sent to this address. Go back to the page"),
        (f"/analyses/{analysis}/files/x", 404, "There is no such file of this result. The page of the result has all"),
    ):
        answer = await anna.get(place)
        assert answer.status_code == status
        assert said in Page.of(answer).text
    sent = await anna.send(f"/analyses/{analysis}", {}, seen=f"/analyses/{analysis}")
    assert sent.status_code == 405
    assert "Nothing can be sent to this address. Go back to the page with the form." in Page.of(sent).text
