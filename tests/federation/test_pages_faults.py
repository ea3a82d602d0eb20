"""The coordinator's pages say in words what is not there, does not fit, makes no sense or went wrong."""

from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.federation.fake_sites import FakeSite, build
from tests.federation.pages import POLICY, Page, Visitor, submitted, visitor

pytestmark = pytest.mark.anyio


async def test_a_result_that_is_asked_for_too_early_is_a_409_in_words(
    anna: Visitor, sites: dict[str, FakeSite]
) -> None:
    sites["Bern"].down = True
    analysis = await submitted(anna, "paused")
    for place in ("result", "report", "files/result.json"):
        answer = await anna.get(f"/analyses/{analysis}/{place}")
        assert answer.status_code == 409
        assert "There is no result: the analysis is paused." in Page.of(answer).text
        assert "Ask again once it has ended." in Page.of(answer).text


async def test_what_does_not_fit_how_things_stand_is_a_409_in_words(anna: Visitor, sites: dict[str, FakeSite]) -> None:
    over = await submitted(anna)
    sites["Bern"].down = True
    under_way = await submitted(anna, "paused")
    for analysis, what in ((over, "cancel"), (under_way, "delete")):
        answer = await anna.send(f"/analyses/{analysis}/{what}", {}, seen=f"/analyses/{over}")
        assert answer.status_code == 409
        assert "Nothing was changed" in Page.of(answer).text


async def test_a_fault_of_the_coordinators_own_is_a_page_without_its_text(
    app: FastAPI, anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(app.state.service.store, "newest", fails)
    answer = await anna.get("/analyses")
    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "fault of its own" in Page.of(answer).text
    assert "a secret" not in answer.text


async def test_a_part_of_a_page_whose_session_has_ended_has_the_page_loaded_anew(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    app = build(
        tmp_path,
        sites,
        keys="[[keys]]\nname = 'anna'\nrole = 'run'\ncreated = 2026-01-31\nsha256 = '" + "0" * 64 + "'\n",
    )
    async with app.router.lifespan_context(app), visitor(app) as somebody:
        answer = await somebody.get("/analyses", **{"HX-Request": "true"})
        assert (answer.status_code, answer.headers["HX-Refresh"]) == (401, "true")
