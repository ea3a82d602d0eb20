"""A site under masks answers at its own step's psi, of sums that hold its answer, and signs its own result: to the bit."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from coordinator.site_client import SiteClient
from shared.masking.messages import Proof
from shared.messages import CloseRequest, EvaluateRequest, PrepareRequest
from shared.specification import Specification
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import Heard, coordinator_of, ended, real_sites
from tests.federation.test_signed import by, question

pytestmark = pytest.mark.anyio
REQUEST = {"formula": "d ~ x + (1 | site)"}
VICTIM = "S1"
Asked = EvaluateRequest | CloseRequest
Change = Callable[[Any], dict[str, Any]]
"""Of a question: the fields that are other ones."""


async def fitted(folder: Path) -> tuple[dict[str, Any], Heard]:
    """The view of a masked analysis that has ended, and one of its sites."""
    made = real_sites(folder, DICTIONARY, made_up(sites=3).tables(), masked=True)
    return await ended(coordinator_of(folder, made), **REQUEST), made[VICTIM]


def meddling(patch: pytest.MonkeyPatch, method: str, change: Change) -> None:
    """From now on the coordinator asks one site something else than the others: in round 2, or at the close."""
    honest = getattr(SiteClient, method)

    async def asked(client: SiteClient, analysis_id: str, request: Asked, *more: int) -> Any:
        if client.name == VICTIM and getattr(request, "round", 2) == 2:
            request = request.model_copy(update=change(request))
        return await honest(client, analysis_id, request, *more)

    patch.setattr(SiteClient, method, asked)


def refusals(heard: Heard) -> list[dict[str, Any]]:
    return [answer for _, _, answer in heard.messages if "code" in answer]


def next_to(number: float) -> float:
    return math.nextafter(number, math.inf)


def at_another_psi(asked: Asked) -> dict[str, Any]:
    assert asked.psi is not None
    return {"psi": (next_to(asked.psi[0]), *asked.psi[1:])}


@pytest.mark.parametrize(
    "change",
    [at_another_psi, lambda asked: {"basis": (next_to(asked.basis[0]),)}, lambda _: {"quadrature_points": 3}],
    ids=["psi", "basis", "nodes"],
)
async def test_a_question_that_is_one_bit_off_the_sites_own_step_is_refused(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meddling(monkeypatch, "masked", change)
    view, victim = await fitted(tmp_path)
    assert (view["state"], view["round"]) == ("refused", 1)
    refusal, *_ = refusals(victim)
    assert (refusal["rule"], refusal["code"]) == ("G2", "other_psi")


@pytest.mark.parametrize("part", ["root", "path"])
async def test_a_sum_that_does_not_hold_the_sites_answer_is_refused(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forged(asked: EvaluateRequest) -> dict[str, Any]:
        assert asked.proof is not None
        told = asked.proof.model_dump()[part]
        other = ("0" if told[0] != "0" else "1") + told[1:]
        return {"proof": Proof.model_validate(asked.proof.model_dump() | {part: other})}

    meddling(monkeypatch, "masked", forged)
    view, victim = await fitted(tmp_path)
    assert view["state"] == "refused"
    assert refusals(victim)[0]["code"] == "proof"


async def test_a_question_without_the_sums_proof_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meddling(monkeypatch, "masked", lambda _: {"proof": None})
    view, victim = await fitted(tmp_path)
    assert view["state"] == "refused"
    assert refusals(victim)[0]["code"] == "no_proof"


@pytest.mark.parametrize("change", [at_another_psi, lambda _: {"outcome": "boundary"}], ids=["psi", "outcome"])
async def test_a_result_that_is_not_the_sites_own_is_not_signed(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meddling(monkeypatch, "close", change)
    view, victim = await fitted(tmp_path)
    assert view["state"] == "converged"
    assert set(view["ended_with"]["countersigned"]["signatures"]) == {"S0", "S2"}
    assert {refusal["code"] for refusal in refusals(victim)} == {"other_result"}


async def test_a_site_that_restarts_on_other_data_does_not_go_on(tmp_path: Path) -> None:
    """One mask for two plaintexts would tell their difference."""
    view, victim = await fitted(tmp_path)
    data = victim.data
    rows = data.read_text(encoding="utf-8")
    asked = PrepareRequest(specification=Specification.model_validate(view["ended_with"]["specification"])).written

    async def prepared(text: str) -> httpx.Response:
        data.write_text(text, encoding="utf-8")
        victim.restart()
        path = f"/v1/analyses/{view['id']}/prepare"
        headers = by(tmp_path, victim).sign_request(question("POST", path, asked)) | {
            "Content-Type": "application/json"
        }
        async with httpx.AsyncClient(transport=victim, base_url="http://s1") as http:
            return await http.post(path, content=asked, headers=headers)

    changed = await prepared(rows.rsplit("\n", 2)[0] + "\n")
    assert (changed.status_code, changed.json()["code"]) == (409, "data_changed")
    again = await prepared(rows)
    assert again.json()["join"] == victim.messages[0][2]["join"]
