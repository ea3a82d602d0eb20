"""What is wrong with a site's data is said as that, and none of them is quoted."""

import json

import httpx
import numpy as np
import pytest

from shared.contribution import Contribution
from shared.optimisation.start import StartContribution
from site_node.app import create_app
from tests.federation.one_site import CLOSE, END, ROUNDS, Site, assert_problem

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fault", [np.linalg.LinAlgError("Mrs-Smith"), OverflowError("Mrs-Smith")])
async def test_a_singular_matrix_or_an_overflow_is_the_datas_fault(site: Site, fault: Exception) -> None:
    site.fake.fault = fault
    async with site.client() as client:
        await site.prepare(client)
        response = await client.post(ROUNDS, json=site.evaluate())
    problem = assert_problem(response, 422, "not_finite")
    assert problem["message"] == "the numbers leave floating point's range."
    assert "Rescale" in problem["remedy"]
    assert "Smith" not in response.text


async def test_a_start_or_an_effect_that_is_not_finite_is_the_datas_fault(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Contribution(0.0, np.zeros(2), np.eye(2))
    begun = StartContribution((one,), np.array([np.inf]))
    monkeypatch.setattr(site.fake, "start", lambda rows, _: (begun, np.ones((1, rows.n))))
    monkeypatch.setattr(site.fake, "site_effect", lambda *_: (np.array([np.nan]), np.array([1.0])))
    async with site.client() as client:
        await site.prepare(client)
        assert_problem(await client.post(ROUNDS, json=site.start()), 422, "not_finite")
        await client.post(ROUNDS, json=site.evaluate())
        assert_problem(await client.post(END, json=CLOSE), 422, "not_finite")


async def test_columns_at_the_end_of_floating_point_are_the_datas_fault_in_the_real_estimation(site: Site) -> None:
    rows = "".join(f"{k % 7 * 1e200},{k % 2}\n" for k in range(100))
    site.data.write_text("treatment,death\n" + rows, encoding="utf-8")
    numbers = json.dumps({"variables": [{"name": name, "type": "number"} for name in ("treatment", "death")]})
    site.settings.dictionary.write_text(numbers, encoding="utf-8")
    transport = httpx.ASGITransport(app=create_app(site.settings))
    site.dictionary = type(site.dictionary).model_validate_json(numbers)
    column = {
        "name": "treatment",
        "factors": [{"kind": "numeric", "expression": {"kind": "variable", "name": "treatment"}}],
    }
    formula, random = "death ~ 0 + treatment + (0 + treatment | site)", ({"group": "site", "columns": (column,)},)
    big = site.specification(formula=formula, fixed=(column,), random=random)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await site.prepare(client, big)).status_code == 200
        asked = site.start() | {"specification_sha256": big.sha256}
        assert_problem(await client.post(ROUNDS, json=asked), 422, "not_finite")


async def test_a_file_without_a_header_puts_no_row_on_the_wire(site: Site) -> None:
    site.data.write_text("Mrs-Smith,Mrs-Smith\n" + "a,0\nb,1\n" * 20, encoding="utf-8")
    async with site.client() as client:
        response = await site.prepare(client)
    assert response.status_code == 422
    assert response.json()["message"] == "columns 1 and 2 have the same name."
    assert "Smith" not in response.text


async def test_a_running_site_says_that_its_file_seems_separated_by_semicolons(site: Site) -> None:
    site.data.write_text(site.data.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
    async with site.client() as client:
        response = await site.prepare(client)
    assert "separated by semicolons" in response.json()["message"]
