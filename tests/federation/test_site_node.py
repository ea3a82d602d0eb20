"""Claims about a site as the coordinator meets it: a real application, called over HTTP in one process."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from shared import packed
from shared.formula.expressions import Column, NumericFactor, VariableRef
from shared.messages import EvaluateReply
from shared.specification import NumericResponse, RandomTerm
from site_node.app import create_app
from site_node.data.inference import infer, write_dictionary
from site_node.folder import NewSite, write_site
from tests.federation.one_site import CLOSE, CSV, END, INTERCEPT, PSI, ROUNDS, Site, assert_problem, until

pytestmark = pytest.mark.anyio


async def test_a_site_says_who_it_is(site: Site) -> None:
    async with site.client() as client:
        about = (await client.get("/v1/about")).json()
        assert (about["site"], about["protocol_min"], about["protocol_max"]) == ("A", 3, 3)
        assert about["policy"] == "default"
        assert len(about["fingerprint"]) == 64
        assert (await client.get("/health")).json() == {"status": "ok"}
        assert "/v1/analyses/{analysis_id}/prepare" in (await client.get("/openapi.json")).json()["paths"]


async def test_an_analysis_goes_from_prepare_over_rounds_to_close(site: Site) -> None:
    async with site.client() as client:
        accepted = await site.prepare(client)
        assert accepted.status_code == 200, accepted.text
        assert accepted.json()["counts"] == {"rows": 40, "rows_dropped": 1, "groups": {"site": 1}}
        assert accepted.json()["specification_sha256"] == site.specification().sha256
        started = await client.post(ROUNDS, json=site.start())
        assert started.json()["start"]["quadratics"][0]["value"] == 40
        answered = await client.post(ROUNDS, json=site.evaluate())
        contribution = answered.json()["contribution"]
        assert contribution["value"] == 20 / 3
        assert contribution["gradient"] == [number * 0.1 for number in PSI]
        closed = await client.post(END, json=CLOSE)
        assert closed.json() == {"site_effect": {"modes": [0.25], "standard_deviations": [0.125]}, "signature": None}
        again = await client.post(ROUNDS, json=site.evaluate())
        assert_problem(again, 404, "unknown_analysis")


async def test_the_same_request_gets_the_identical_bytes_without_computing_again(site: Site) -> None:
    async with site.client() as client:
        first_prepared, again_prepared = await site.prepare(client), await site.prepare(client)
        assert first_prepared.content == again_prepared.content
        first = await client.post(ROUNDS, json=site.evaluate())
        again = await client.post(ROUNDS, json=site.evaluate())
        assert first.content == again.content
        assert site.fake.calls == 1
        other = await client.post(ROUNDS, json=site.evaluate(psi=[0.0, 0.0, 1.0]))
        assert_problem(other, 403, "round_answered")
        following = await client.post(ROUNDS, json=site.evaluate(2))
        assert following.json()["round"] == 2


async def test_a_round_has_as_many_quadrature_points_as_agreed(site: Site) -> None:
    for agreed, asked, others in ((1, 1, (5, 100)), (5, 5, (1, 25))):
        specification = site.specification(quadrature_points=agreed)
        analysis, same = f"points-{agreed}", {"specification_sha256": specification.sha256}
        async with site.client() as client:
            await site.prepare(client, specification, analysis=analysis)
            place = f"/v1/analyses/{analysis}/contributions"
            for other in others:
                body = site.evaluate() | same | {"quadrature_points": other}
                problem = assert_problem(await client.post(place, json=body), 422, "quadrature_points")
                assert (problem["where"], str(agreed) in problem["message"]) == ("quadrature_points", True)
                assert problem["remedy"]
            body = site.evaluate() | same | {"quadrature_points": asked}
            assert (await client.post(place, json=body)).status_code == 200


async def test_with_auto_any_number_of_points_is_answered_but_one_only_in_each_round(site: Site) -> None:
    auto = site.specification(quadrature_points="auto")
    same = {"specification_sha256": auto.sha256}
    async with site.client() as client:
        await site.prepare(client, auto)
        replies = []
        for number, points in enumerate((1, 5, 100), start=1):
            body = site.evaluate(number) | same | {"quadrature_points": points}
            replies.append(await client.post(ROUNDS, json=body))
        assert [reply.status_code for reply in replies] == [200] * 3
        assert site.fake.points == [1, 5, 100]
        other = site.evaluate(3) | same | {"quadrature_points": 5}
        assert_problem(await client.post(ROUNDS, json=other), 403, "round_answered")
        for wrong in (0, 101, "auto"):
            body = site.evaluate(4) | same | {"quadrature_points": wrong}
            assert_problem(await client.post(ROUNDS, json=body), 422, "request")


async def test_a_round_of_a_restricted_likelihood_is_answered_in_json_also_where_bytes_are_asked_for(
    site: Site,
) -> None:
    """The bytes have no place for the information."""
    response = NumericResponse(expression=VariableRef("death"))
    restricted = site.specification(family="gaussian", link="identity", response=response, reml=True)
    body = site.evaluate() | {"specification_sha256": restricted.sha256, "psi": [0.1, -0.2, 0.5, 0.0]}
    transport = httpx.ASGITransport(app=create_app(site.settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        await site.prepare(client, restricted)
        headers = {"Accept": f"{packed.MEDIA_TYPE}, application/json"}
        answer = await client.post(ROUNDS, json=body, headers=headers)
    assert answer.headers["Content-Type"] == "application/json"
    assert [len(one) for one in answer.json()["contribution"]["information"]] == [3, 3]


async def test_a_round_is_answered_in_bytes_where_they_are_asked_for_and_in_json_otherwise(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        headers = {"Accept": f"{packed.MEDIA_TYPE}, application/json"}
        started = await client.post(ROUNDS, json=site.start(), headers=headers)
        assert started.headers["Content-Type"] == "application/json"
        json_ = await client.post(ROUNDS, json=site.evaluate())
        bytes_ = await client.post(ROUNDS, json=site.evaluate(), headers=headers)
        assert (json_.headers["Content-Type"], bytes_.headers["Content-Type"]) == (
            "application/json",
            packed.MEDIA_TYPE,
        )
        assert bytes_.content == packed.pack(EvaluateReply.model_validate_json(json_.content))
        assert site.fake.calls == 1
        refused = await client.post(ROUNDS, json=site.evaluate(5), headers=headers)
        assert_problem(refused, 403, "round_skipped")


async def test_the_real_estimation_gives_the_same_bytes_to_a_site_that_has_restarted(site: Site) -> None:
    replies = []
    for _ in range(2):
        transport = httpx.ASGITransport(app=create_app(site.settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await site.prepare(client)).status_code == 200
            replies += [await client.post(ROUNDS, json=site.evaluate())]
    assert replies[0].status_code == 200, replies[0].text
    assert len(replies[0].json()["contribution"]["hessian"]) == 6
    assert replies[0].content == replies[1].content


async def test_an_inner_groups_effects_are_never_released(site: Site) -> None:
    site.data.write_text(
        "clinic,treatment,death\n" + "".join(f"c{k % 4},{'ab'[k % 2]},{k // 2 % 2}\n" for k in range(40))
    )
    site.dictionary = infer(site.data, groups=("clinic",), levels={"treatment": ("a", "b")}).dictionary
    write_dictionary(site.dictionary, site.settings.dictionary)
    random = (RandomTerm(group="clinic", columns=(INTERCEPT,)),)
    inner = site.specification(formula="death ~ treatment + (1 | clinic)", random=random)
    async with site.client() as client:
        assert (await site.prepare(client, inner)).json()["counts"]["groups"] == {"clinic": 4}
        closed = await client.post(END, json=CLOSE)
        assert closed.json() == {"site_effect": None, "signature": None}


async def test_a_site_below_a_floor_refuses_with_rule_and_remedy_and_no_number(site: Site) -> None:
    site.data.write_text("treatment,death\n" + "a,0\nb,0\n" * 10 + "a,1\nb,1\n", encoding="utf-8")
    async with site.client() as client:
        problem = assert_problem(await site.prepare(client), 403, "rare_outcome")
        assert (problem["status"], problem["rule"]) == ("refused", "G5")
        assert problem["remedy"]
        assert not any(character.isdigit() for character in problem["message"] + problem["remedy"])
        unknown = await client.post(ROUNDS, json=site.evaluate())
        assert_problem(unknown, 404, "unknown_analysis")
    site.settings = site.settings.model_copy(update={"policy": "open"})
    async with site.client() as client:
        assert (await site.prepare(client)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"roster": ("B",)}, 403, "not_in_roster"),
        ({"dictionary_sha256": "0" * 64}, 422, "other_dictionary"),
        ({"weights": "age"}, 422, "dictionary"),
        ({"fixed": (Column("c", (NumericFactor(VariableRef("treatment")),)),)}, 422, "other_terms"),
    ],
)
async def test_a_specification_that_is_not_for_this_site_is_refused(
    site: Site, changes: dict[str, Any], status: int, code: str
) -> None:
    site.settings = site.settings.model_copy(update={"policy": "open"})
    async with site.client() as client:
        assert_problem(await site.prepare(client, site.specification(**changes)), status, code)


async def test_one_analysis_has_one_specification(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        other = site.specification(title="another")
        assert_problem(await site.prepare(client, other), 422, "other_specification")
        request = site.evaluate() | {"specification_sha256": other.sha256}
        response = await client.post(ROUNDS, json=request)
        assert_problem(response, 422, "other_specification")


async def test_changed_data_end_the_analysis(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        assert (await client.post(ROUNDS, json=site.evaluate())).status_code == 200
        site.data.write_text(CSV.replace("b,1", "b,0", 1), encoding="utf-8")
        for request in (site.evaluate(), site.evaluate(2)):
            response = await client.post(ROUNDS, json=request)
            assert_problem(response, 409, "data_changed")
        assert_problem(await site.prepare(client), 409, "data_changed")


async def test_the_site_answers_while_it_computes_and_a_repeated_request_waits_for_the_first(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        site.fake.go.clear()
        replies: list[httpx.Response] = []

        async def ask() -> None:
            replies.append(await client.post(ROUNDS, json=site.evaluate()))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
            await until(lambda: site.fake.calls > 0)
            assert (await client.get("/v1/about")).status_code == 200
            assert not replies
            site.fake.go.set()
        assert replies[0].content == replies[1].content
        assert site.fake.calls == 1


async def test_sites_that_share_a_limiter_do_not_compute_at_once(site: Site) -> None:
    limiter = anyio.CapacityLimiter(1)
    apps = [create_app(site.settings, limiter=limiter, estimator=site.fake.estimator()) for _ in range(2)]
    clients = [httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") for app in apps]
    async with clients[0], clients[1], anyio.create_task_group() as tasks:
        for client in clients:
            await site.prepare(client)
        site.fake.go.clear()
        for client in clients:
            tasks.start_soon(partial(client.post, ROUNDS, json=site.evaluate()))
        await until(lambda: limiter.statistics().tasks_waiting > 0 and site.fake.calls > 0)
        assert site.fake.calls == 1
        site.fake.go.set()
    assert site.fake.calls == 2


@contextmanager
def process_of(*folders: Path) -> Iterator[tuple[dict[str, str], list[dict[str, str]]]]:
    """A process that serves these sites: their URLs and, once it has ended, its log."""
    events: list[dict[str, str]] = []
    announce = folders[0] / "announce.json"
    command = [sys.executable, "-c", "from site_node.cli import app; app()", "serve", *map(str, folders)]
    with subprocess.Popen([*command, "--announce", str(announce)], stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while not announce.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            yield json.loads(announce.read_text(encoding="utf-8"))["sites"], events
        finally:
            process.terminate()
            _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    events += [json.loads(line) for line in log.splitlines()]


def test_a_process_announces_its_sites_once_they_listen_and_stops_when_told(site: Site, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        write_site(folder, NewSite(name=folder.name, data=str(site.data), dictionary=str(site.settings.dictionary)))
    with process_of(*folders) as (urls, events):
        answered = {name: httpx.get(f"{url}/v1/about").json()["site"] for name, url in urls.items()}
    assert answered == {"one": "one", "two": "two"}
    assert {event["site"] for event in events if event["event"] == "listening"} == {"one", "two"}
    assert not [event for event in events if event["level"] == "warning"]


def test_a_site_whose_data_file_is_not_there_is_served_with_a_warning(site: Site, tmp_path: Path) -> None:
    write_site(tmp_path / "one", NewSite(name="one", data="gone.csv", dictionary=str(site.settings.dictionary)))
    with process_of(tmp_path / "one") as (urls, events):
        assert httpx.get(f"{urls['one']}/health").status_code == 200
    (warning,) = [event for event in events if event["level"] == "warning"]
    assert (warning["site"], warning["file"]) == ("one", str(tmp_path / "one" / "gone.csv"))
