"""A site under masks answers at its own step's psi, of sums that hold its answer, and signs its own result: to the bit."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import Heard, coordinator_of, ended, real_sites

pytestmark = pytest.mark.anyio
REQUEST = {"formula": "d ~ x + (1 | site)"}
Change = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Meddled(Heard):
    """A site to which somebody changes a question: of round 2, or that of the close."""

    changed: tuple[str, Change] = ("", lambda asked: asked)
    refusals: list[dict[str, Any]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        which, change = self.changed
        asked = json.loads(request.content or "{}")
        if which == ("close" if request.url.path.endswith("close") else str(asked.get("round"))):
            request = httpx.Request(request.method, request.url, json=change(asked))
        response = await super().handle_async_request(request)
        if response.is_error:
            self.refusals.append(response.json())
        return response


async def meddled(folder: Path, which: str, change: Change) -> tuple[dict[str, Any], Meddled]:
    """The view of an analysis in which one site was asked something else than the others."""
    made = real_sites(folder, DICTIONARY, made_up(sites=3).tables(), masked=True)
    victim = Meddled(made["S1"].settings, changed=(which, change))
    return await ended(coordinator_of(folder, {**made, "S1": victim}), **REQUEST), victim


def next_to(number: float) -> float:
    return math.nextafter(number, math.inf)


def at_another_psi(asked: dict[str, Any]) -> dict[str, Any]:
    return asked | {"psi": [next_to(asked["psi"][0]), *asked["psi"][1:]]}


@pytest.mark.parametrize(
    "change",
    [
        at_another_psi,
        lambda asked: asked | {"basis": [next_to(asked["basis"][0])]},
        lambda asked: asked | {"quadrature_points": 3},
    ],
    ids=["psi", "basis", "nodes"],
)
async def test_a_question_that_is_one_bit_off_the_sites_own_step_is_refused(change: Change, tmp_path: Path) -> None:
    view, victim = await meddled(tmp_path, "2", change)
    assert (view["state"], view["round"]) == ("refused", 1)
    refusal, *_ = victim.refusals
    assert (refusal["rule"], refusal["code"]) == ("G2", "other_psi")
    assert "numbers" not in refusal


@pytest.mark.parametrize("part", ["root", "path"])
async def test_a_sum_that_does_not_hold_the_sites_answer_is_refused(part: str, tmp_path: Path) -> None:
    def forged(asked: dict[str, Any]) -> dict[str, Any]:
        told = asked["proof"][part]
        other = ("0" if told[0] != "0" else "1") + told[1:]
        return asked | {"proof": asked["proof"] | {part: other}}

    view, victim = await meddled(tmp_path, "2", forged)
    assert view["state"] == "refused"
    assert victim.refusals[0]["code"] == "proof"


async def test_a_question_without_the_sums_proof_is_refused(tmp_path: Path) -> None:
    view, victim = await meddled(tmp_path, "2", lambda asked: asked | {"proof": None})
    assert view["state"] == "refused"
    assert victim.refusals[0]["code"] == "no_proof"


@pytest.mark.parametrize(
    "change", [at_another_psi, lambda asked: asked | {"outcome": "boundary"}], ids=["another psi", "another outcome"]
)
async def test_a_result_that_is_not_the_sites_own_is_not_signed(change: Change, tmp_path: Path) -> None:
    view, victim = await meddled(tmp_path, "close", change)
    assert view["state"] == "converged"
    assert set(view["ended_with"]["countersigned"]["signatures"]) == {"S0", "S2"}
    assert {refusal["code"] for refusal in victim.refusals} == {"other_result"}


async def test_a_site_that_restarts_on_other_data_does_not_go_on(tmp_path: Path) -> None:
    """One mask for two plaintexts would tell their difference."""
    view, victim = await meddled(tmp_path, "", lambda asked: asked)
    data = victim.settings.data
    rows = data.read_text(encoding="utf-8")
    asked = {"specification": view["ended_with"]["specification"]}

    async def prepared(text: str) -> httpx.Response:
        data.write_text(text, encoding="utf-8")
        victim.restart()
        async with httpx.AsyncClient(transport=victim, base_url="http://s1") as http:
            return await http.post(f"/v1/analyses/{view['id']}/prepare", json=asked)

    changed = await prepared(rows.rsplit("\n", 2)[0] + "\n")
    assert (changed.status_code, changed.json()["code"]) == (409, "data_changed")
    again = await prepared(rows)
    assert again.json()["join"] == victim.messages[0][2]["join"]
