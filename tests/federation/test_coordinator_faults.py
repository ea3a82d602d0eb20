"""A site, a request, a disk or a number that does what it must not: one analysis ends by name, and the others go on."""

import asyncio
import gzip
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from coordinator.store import MemoryStore
from shared.messages import Problem
from tests.federation.fake_sites import REQUEST, FakeSite, build, client, eventually, submitted, until

pytestmark = pytest.mark.anyio


async def test_two_sites_that_send_huge_numbers_are_both_named(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    huge = {"value": 1e308, "gradient": [1e308] * 2, "hessian": [-1e308] * 3}
    reply = {"kind": "start", "round": 0, "start": {"quadratics": [huge], "totals": [40.0, 1.0, 40.0, 0.0, 0.0, 0.0]}}
    for name in ("Aarau", "Chur"):
        sites[name].override = lambda _, body: httpx.Response(200, json=reply) if body.get("kind") == "start" else None
    async with client(build(tmp_path, sites)) as http:
        view = await until(http, await submitted(http))
    assert (view["state"], view["problem"]["where"], view["problem"]["code"]) == (
        "failed",
        "Aarau, Chur",
        "site_answer",
    )
    assert "larger than 1e+100" in view["problem"]["message"]


async def test_the_words_of_a_site_control_no_terminal(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    said = {"code": "x", "message": "M\x1b]0;title\x07\x1b[2J", "where": "\x1b[31mx", "remedy": "r\u202e"}
    sites["Bern"].override = lambda path, _: httpx.Response(422, json=said) if path == "prepare" else None
    async with client(build(tmp_path, sites)) as http:
        view = await until(http, await submitted(http))
    assert all(text.isprintable() for text in view["problem"].values())
    assert view["problem"]["where"] == "Bern"


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + (1 | site)"])
async def test_sites_without_a_row_are_refused_before_any_sum_leaves_them(
    tmp_path: Path, sites: dict[str, FakeSite], formula: str
) -> None:
    empty = {name: FakeSite(name, site.X[:0], site.y[:0]) for name, site in sites.items()}
    async with client(build(tmp_path, empty)) as http:
        view = await until(http, await submitted(http, formula=formula))
        await eventually(lambda: all(site.closed for site in empty.values()))
    assert (view["state"], view["problems"][0]["code"]) == ("refused", "too_few_rows_for_model")
    assert all("contributions" not in site.asked for site in empty.values())


async def test_a_site_may_forget_the_analysis_more_than_once_but_not_for_ever(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    site = sites["Bern"]
    forgotten: list[int] = []

    def forget(path: str, body: dict[str, Any]) -> None:
        if path == "contributions" and body["round"] == 2 and len(forgotten) < 4:
            forgotten.append(2)
            site.prepared.clear()

    site.override = forget
    async with client(build(tmp_path, sites)) as http:
        view = await until(http, await submitted(http))
        assert (view["state"], len(forgotten), site.asked.count("prepare")) == ("converged", 4, 5)
        site.override = lambda path, _: site.prepared.clear() if path == "contributions" else None
        view = await until(http, await submitted(http))
    assert (view["state"], view["problem"]["where"], view["problem"]["code"]) == ("failed", "Bern", "site")
    assert "forgotten the analysis each time" in view["problem"]["message"]


async def test_a_request_that_is_too_large_is_refused_whether_it_says_so_or_not(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    async def pieces() -> Any:
        for _ in range(3):
            yield b" " * 2**19

    async with client(build(tmp_path, sites)) as http:
        for content in (b" " * (2**20 + 1), pieces()):
            response = await http.post("/v1/analyses", content=content, headers={"Content-Type": "application/json"})
            assert (response.status_code, Problem.model_validate_json(response.content).code) == (413, "too_large")
        assert (await http.post("/v1/analyses", json=REQUEST)).status_code == 201


async def test_an_encoded_answer_is_not_unpacked(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    packed = gzip.compress(b" " * 10_000_000)
    sites["Bern"].override = lambda path, _: (
        httpx.Response(200, stream=httpx.ByteStream(packed), headers={"Content-Encoding": "gzip"})
        if path == "prepare"
        else None
    )
    async with client(build(tmp_path, sites)) as http:
        view = await until(http, await submitted(http))
    assert (view["state"], view["problem"]["where"], view["problem"]["code"]) == ("failed", "Bern", "site_answer")


async def test_a_missing_site_is_named_at_once_while_another_still_computes(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    sites["Bern"].hold = asyncio.Event()
    sites["Chur"].override = lambda _, body: httpx.Response(503) if body.get("round") == 1 else None
    async with client(build(tmp_path, sites, patience=60)) as http:
        analysis_id = await submitted(http)
        paused = await until(http, analysis_id, "paused")
        assert (paused["waiting_for"], len(sites["Bern"].rounds)) == (["Chur"], 1)
        sites["Chur"].override = lambda _path, _body: None
        running = await until(http, analysis_id, "running")
        assert (running["waiting_for"], running["round"]) == ([], 0)
        sites["Bern"].hold.set()
        assert (await until(http, analysis_id))["state"] == "converged"


async def test_sites_that_are_missing_one_after_the_other_are_each_named_while_they_are(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    sites["Aarau"].down = sites["Chur"].down = True
    store = MemoryStore()
    async with client(build(tmp_path, sites, store, patience=60)) as http:
        analysis_id = await submitted(http)

        def are_waited_for(missing: tuple[str, ...]) -> bool:
            return store.get(analysis_id).waiting_for == missing

        for missing in (("Aarau", "Chur"), ("Chur",)):
            await eventually(partial(are_waited_for, missing))
            sites[missing[0]].down = False
        view = await until(http, analysis_id)
    assert (view["state"], view["waiting_for"]) == ("converged", [])


async def test_only_so_many_analyses_run_at_once_and_the_others_wait(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    sites["Bern"].hold = asyncio.Event()
    async with client(build(tmp_path, sites, running_at_once=2)) as http:
        ids = [await submitted(http) for _ in range(4)]
        await eventually(lambda: len(sites["Bern"].rounds) == 2)
        states = [(await http.get(f"/v1/analyses/{one}")).json()["state"] for one in ids]
        assert states == ["running", "running", "submitted", "submitted"]
        assert (await http.delete(f"/v1/analyses/{ids[2]}")).json()["state"] == "cancelled"
        sites["Bern"].hold.set()
        ends = [(await until(http, one))["state"] for one in ids]
    assert ends == ["converged", "converged", "cancelled", "converged"]


async def test_a_psi_that_is_not_finite_ends_the_analysis_with_advice(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    tiny = {"value": 0.0, "gradient": [1e99, -1e99], "hessian": [-1e-300, 0.0, -1e-300]}
    for site in sites.values():
        site.override = lambda _, body: (
            httpx.Response(200, json={"kind": "evaluate", "round": body["round"], "contribution": tiny})
            if body.get("kind") == "evaluate"
            else None
        )
    with np.errstate(all="ignore"):
        async with client(build(tmp_path, sites)) as http:
            view = await until(http, await submitted(http))
    assert (view["state"], view["problem"]["code"]) == ("failed", "not_finite")
    assert "scale of the response" in view["problem"]["remedy"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("tolerance", 1e-25), ("confidence_level", 0.49), ("confidence_level", 0.99995), ("confidence_level", 1.0)],
)
async def test_settings_that_no_arithmetic_can_meet_are_refused(
    tmp_path: Path, sites: dict[str, FakeSite], field: str, value: float
) -> None:
    async with client(build(tmp_path, sites)) as http:
        response = await http.post("/v1/analyses", json=REQUEST | {field: value})
    assert (response.status_code, Problem.model_validate_json(response.content).where) == (422, f"body.{field}")
