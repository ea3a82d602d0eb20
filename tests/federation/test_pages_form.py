"""The form for a new analysis: what it knows, what it marks and keeps, and what becomes of it once it is sent."""

import re
from typing import Any

import pytest
from fastapi import FastAPI

from tests.federation.fake_sites import until
from tests.federation.pages import HOST, Page, Visitor, submitted

pytestmark = pytest.mark.anyio

FORM = {"formula": "y ~ x", "family": "binomial", "sites": ["Bern", "Aarau", "Chur"], "once": "1"}


async def test_the_form_knows_the_dictionary_and_writes_the_formula_of_a_choice(anna: Visitor) -> None:
    page = await anna.page("/analyses/new")
    assert [one["value"] for one in page.all("input") if one.get("name") == "terms"] == ["x", "y"]
    chosen = FORM | {"formula": "", "response": "y", "terms": ["x", "y"], "group": "site", "do": "write"}
    written = Page.of(await anna.send("/analyses/new", chosen, seen="/analyses/new"))
    assert "y ~ x + (1 | site)" in written.text


async def test_the_form_says_what_would_be_fitted_and_how_to_ask_for_it_elsewhere(anna: Visitor) -> None:
    answer = await anna.send("/analyses/new/check", FORM | {"formula": "y ~ x + (1 | site)"}, seen="/analyses/new")
    page = Page.of(answer)
    assert "(Intercept) x" in page.text
    assert "by site: (Intercept)" in page.text
    assert '"roster": [ "Bern", "Aarau", "Chur" ]' in page.text
    assert f"curl -sL {HOST}/v1/analyses" in page.text
    assert "coordinator.fit( 'y ~ x + (1 | site)', family='binomial', )" in page.text
    assert 'fed_glmer( y ~ x + (1 | site), family = "binomial"' in page.text


@pytest.mark.parametrize(
    ("formula", "at"),
    [("y ~ x + nonsense", "nonsense"), ("y ~ x +* x", "*"), ("y ~ (x", " "), ("y ~ log(x, 2)", "log")],
)
async def test_a_typo_in_a_formula_is_marked_where_it_is(anna: Visitor, formula: str, at: str) -> None:
    for do in ("submit", "check"):
        answer = await anna.send("/analyses/new", FORM | {"formula": formula, "do": do}, seen="/analyses/new")
        assert answer.status_code == (422 if do == "submit" else 200)
        marked = re.search(r'<pre class="marked"[^>]*>(.*?)<mark>(.*?)</mark>(.*?)</pre>', answer.text, re.DOTALL)
        assert marked is not None, answer.text
        assert marked[2] == at
        assert (marked[1] + marked[2] + marked[3]).rstrip() == formula
        assert formula in (re.search(r"<textarea.*?>(.*?)</textarea>", answer.text, re.DOTALL) or [""])[1]
        assert 'aria-invalid="true"' in answer.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"formula": ""}, "There is no formula yet."),
        ({"sites": []}, "There is no site."),
        ({"tolerance": "small"}, "tolerance"),
        ({"link": "inverse"}, "no link inverse"),
        ({"max_rounds": "1000"}, "max_rounds"),
        ({"weights": "z"}, "no numeric variable"),
    ],
)
async def test_what_cannot_be_asked_for_is_said_beside_the_form_which_keeps_what_was_written(
    anna: Visitor, change: dict[str, Any], said: str
) -> None:
    fields = FORM | {"title": "kept", "do": "submit"} | change
    answer = await anna.send("/analyses/new", fields, seen="/analyses/new")
    assert answer.status_code == 422
    assert said in Page.of(answer).text
    assert Page.of(answer).value("title") == "kept"


async def test_a_form_that_is_sent_twice_is_one_analysis_and_a_changed_one_another(app: FastAPI, anna: Visitor) -> None:
    once = (await anna.page("/analyses/new")).value("once")
    fields = FORM | {"once": once, "do": "submit"}
    first, again = [await anna.send("/analyses/new", fields, seen="/analyses/new") for _ in range(2)]
    assert first.headers["Location"] == again.headers["Location"]
    other = await anna.send("/analyses/new", fields | {"title": "changed"}, seen="/analyses/new")
    assert other.headers["Location"] != first.headers["Location"]
    assert len(app.state.service.store.newest(limit=9)) == 2
    for place in (first, other):
        await until(anna.http, place.headers["Location"].rpartition("/")[2])


async def test_an_analysis_is_repeated_as_it_was_asked_for(app: FastAPI, anna: Visitor) -> None:
    before = await submitted(anna, sites=["Bern", "Chur"], title="first", tolerance=1e-12, confidence_level=0.9)
    answer = await anna.get(f"/analyses/new?again={before}")
    page = Page.of(answer)
    fields: dict[str, Any] = {
        str(one["name"]): one.get("value", "") for one in page.all("input") if one.get("type") is None
    }
    ticked = [one["value"] for one in page.all("input") if one.get("name") == "sites" and "checked" in one]
    assert ticked == ["Bern", "Chur"]
    sent = FORM | fields | {"sites": ticked, "do": "submit", "once": page.value("once")}
    after = (await anna.send("/analyses/new", sent, seen="/analyses/new")).headers["Location"].rpartition("/")[2]
    assert after != before
    store = app.state.service.store
    assert store.get(after).request == store.get(before).request
    await until(anna.http, after)
