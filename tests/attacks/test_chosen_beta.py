"""What whoever chooses beta learns of single rows: everything from a site under the open policy, nothing under the default one.

A site answers whatever psi it is asked for. Every attack here but one first works, against a real site whose policy is open;
then the same questions go to a site with the same rows and the default policy. The last attack gets through.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from coordinator.request import resolve
from shared.dictionary import Dictionary
from shared.families import FamilyName
from shared.messages import ContributionMessage
from shared.request import AnalysisRequest
from site_node.app import create_app
from site_node.release.policy import PolicyName
from site_node.release.withheld import MOST_WITHHELD
from site_node.settings import SiteSettings

pytestmark = pytest.mark.anyio

N = 40
STEEP = 1e7
"""Slope along the direction in which the rows are told apart."""
DIRECTION = np.array([0.8, -0.6])
NUMBERS = [{"name": name, "type": "number"} for name in ("y", "x1", "x2", "rare")]
DICTIONARY = {"variables": [*NUMBERS, {"name": "patient", "type": "group"}]}


def rows(*, visits: int = 1) -> np.ndarray:
    """Columns y, x1, x2, rare, patient; the visits of a patient are alike, and one patient alone is rare."""
    rng = np.random.default_rng(11)
    patient = np.repeat(np.arange(N), visits)
    x = rng.normal(size=(N, 2))[patient]
    return np.column_stack([np.arange(N * visits) % 2, x, patient == 3, patient])


@dataclass
class Attacked:
    """A site whose psi is chosen by the one who asks."""

    http: httpx.AsyncClient
    dictionary: Dictionary
    formula: str = "y ~ x1 + x2"
    family: FamilyName = "binomial"
    asked: list[np.ndarray] = field(default_factory=list)

    async def prepare(self) -> httpx.Response:
        self.specification = resolve(
            AnalysisRequest(formula=self.formula, family=self.family, max_rounds=200), self.dictionary, ("A",)
        )
        self.round = 0
        analysis = f"attack-{len(self.asked)}"
        self.url = f"/v1/analyses/{analysis}"
        return await self.http.post(
            f"{self.url}/prepare", json={"specification": self.specification.model_dump(mode="json")}
        )

    async def ask(self, psi: np.ndarray) -> httpx.Response:
        """In the next round; afresh where the rounds are used up."""
        if not hasattr(self, "round") or self.round == 200:
            assert (await self.prepare()).status_code == 200
        self.asked.append(psi)
        self.round += 1
        body = {"kind": "evaluate", "round": self.round, "specification_sha256": self.specification.sha256}
        return await self.http.post(
            f"{self.url}/contributions",
            json=body | {"psi": psi.tolist(), "basis": [1.0] * len(self.specification.random), "previous": None},
        )

    async def answer(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and information."""
        response = await self.ask(psi)
        assert response.status_code == 200, response.text
        sent = ContributionMessage.model_validate(response.json()["contribution"]).contribution()
        return sent.gradient, -sent.hessian


@pytest.fixture
def attacked(tmp_path: Path) -> Callable[..., Attacked]:
    def site(
        policy: PolicyName,
        data: np.ndarray,
        *,
        formula: str = "y ~ x1 + x2",
        family: FamilyName = "binomial",
        unit: str | None = None,
    ) -> Attacked:
        folder = tmp_path / f"{policy}-{unit}"
        folder.mkdir()
        dictionary = Dictionary.model_validate(DICTIONARY | {"privacy_unit": unit})
        (folder / "dictionary.json").write_text(dictionary.model_dump_json(), encoding="utf-8")
        lines = [",".join(map(repr, row)) for row in data.tolist()]
        (folder / "data.csv").write_text("\n".join(["y,x1,x2,rare,patient", *lines]) + "\n", encoding="utf-8")
        (folder / "secret").write_text("known-to-the-site-alone", encoding="utf-8")
        settings = SiteSettings(
            name="A",
            data=folder / "data.csv",
            dictionary=folder / "dictionary.json",
            policy=policy,
            ledger=folder / "ledger.jsonl",
            secret_file=folder / "secret",
        )
        transport = httpx.ASGITransport(app=create_app(settings))
        return Attacked(
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1"), dictionary, formula, family
        )

    return site


def threshold(c: float, steep: float = STEEP) -> np.ndarray:
    """The beta whose predictor is steep and changes its sign where the rows' direction passes c."""
    return steep * np.array([-c, *DIRECTION])


def refused(response: httpx.Response) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["rule"], problem["code"]) == (403, "G1", "leverage"), response.text
    return problem


async def bisected(site: Attacked) -> list[np.ndarray]:
    """Every row's (1, x1, x2): the difference of two gradients between whose thresholds one row lies."""
    found: list[np.ndarray] = []

    async def between(low: float, high: float, at_low: np.ndarray, at_high: np.ndarray) -> None:
        passed = at_high - at_low
        if round(passed[0]) == 1:
            found.append(passed)
        elif round(passed[0]) > 1:
            middle = (low + high) / 2
            at_middle, _ = await site.answer(threshold(middle))
            await between(low, middle, at_low, at_middle)
            await between(middle, high, at_middle, at_high)

    first, _ = await site.answer(threshold(-10.0))
    last, _ = await site.answer(threshold(10.0))
    await between(-10.0, 10.0, first, last)
    return found


async def test_thresholds_of_a_steep_beta_recover_every_row_and_the_default_policy_refuses_each_of_them(
    attacked: Callable[..., Attacked],
) -> None:
    data = rows()
    open_site, site = attacked("open", data), attacked("default", data)
    found = np.array(await bisected(open_site))
    assert np.max(np.abs(found[np.argsort(found[:, 1]), 1:] - data[np.argsort(data[:, 1]), 1:3])) < 1e-12
    assert N < len(open_site.asked) < 20 * N
    for psi in open_site.asked:
        refused(await site.ask(psi))


async def test_no_steepness_gets_the_thresholds_past_the_policy(attacked: Callable[..., Attacked]) -> None:
    """As soon as a step is so short that it has fewer rows in it than the columns tell apart, it is refused."""
    site, projected = attacked("default", rows()), np.sort(rows()[:, 1:3] @ DIRECTION)
    for steep in (60.0, 1e3, 1e5, 1e7, 1e9):
        for c in (projected[1:] + projected[:-1]) / 2:
            refused(await site.ask(threshold(float(c), steep)))


async def test_one_steep_beta_through_a_row_makes_it_the_hessian_and_is_refused(
    attacked: Callable[..., Attacked],
) -> None:
    data = rows()
    open_site, site = attacked("open", data), attacked("default", data)
    for row in data[:, 1:3]:
        _, information = await open_site.answer(threshold(float(row @ DIRECTION)))
        assert np.max(np.abs(information[0, 1:] / information[0, 0] - row)) < 1e-12
        refused(await site.ask(open_site.asked[-1]))


async def test_a_binary_column_with_one_positive_is_that_patients_row_and_no_site_prepares_it(
    attacked: Callable[..., Attacked],
) -> None:
    data, formula = rows(), "y ~ x1 + x2 + rare"
    open_site, site = attacked("open", data, formula=formula), attacked("default", data, formula=formula)
    _, information = await open_site.answer(np.zeros(4))
    assert np.max(np.abs(information[3, 1:3] / information[3, 3] - data[3, 1:3])) < 1e-12
    refusal = await site.prepare()
    assert (refusal.status_code, refusal.json()["rule"], refusal.json()["code"]) == (403, "G5", "rare_level")


async def test_a_patient_of_many_visits_is_one_unit_wherever_beta_is_steep(attacked: Callable[..., Attacked]) -> None:
    """A hyperplane through four equal rows leaves none of them a third; together they are all of the Hessian."""
    data = rows(visits=4)
    psi = threshold(float(data[0, 1:3] @ DIRECTION))
    site, by_row = attacked("default", data, unit="patient"), attacked("default", data)
    assert (await by_row.ask(psi)).status_code == 200
    refused(await site.ask(psi))
    assert (await site.ask(np.zeros(3))).status_code == 200


async def test_a_column_of_one_patients_many_visits_is_one_units(attacked: Callable[..., Attacked]) -> None:
    data, formula = rows(visits=6), "y ~ x1 + rare"
    site, by_row = (
        attacked("default", data, formula=formula, unit="patient"),
        attacked("default", data, formula=formula),
    )
    assert (await by_row.prepare()).status_code == 200
    assert (await site.prepare()).json()["code"] == "rare_level"


async def test_large_random_effects_leave_one_group_in_the_hessian_and_pass(attacked: Callable[..., Attacked]) -> None:
    """A limit: leverage is that of rows given their modes. Patient 3 alone has two rows; modes take what the others say."""
    data = rows()
    data = np.vstack([data, [1.0, 2.0, 0.0, 0.0, 3.0]])
    site = attacked("default", data, formula="x2 ~ x1 + (1 | patient)", family="gaussian")
    _, information = await site.answer(np.array([0.0, 0.0, 1e5, 0.0]))
    assert information[1, 1] == pytest.approx((data[3, 1] - 2.0) ** 2 / 2, rel=1e-6)


async def test_an_honest_beta_is_answered_a_steep_one_with_nothing_and_then_refused_without_a_number(
    attacked: Callable[..., Attacked],
) -> None:
    site = attacked("default", rows())
    for psi in (np.zeros(3), np.array([0.3, -0.8, 0.5])):
        assert (await site.ask(psi)).status_code == 200
    for c in range(MOST_WITHHELD):
        gradient, information = await site.answer(threshold(float(c)))
        assert not gradient.any()
        assert not information.any()
    problem = refused(await site.ask(threshold(float(MOST_WITHHELD))))
    assert problem["remedy"]
    assert not any(
        character.isdigit() for text in (problem["message"], problem["where"], problem["remedy"]) for character in text
    )
