"""Claims about a site that is asked by a coordinator which does not keep to the protocol."""

import functools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from structlog.testing import capture_logs

from shared.dictionary import Dictionary
from shared.specification import Specification
from site_node import evaluation, hosting
from site_node.app import LARGEST_REQUEST, create_app
from site_node.data.design import SiteDesign, build
from site_node.data.table import Columns
from site_node.evaluation import LOGGED_TEXT
from site_node.folder import NewSite, write_site
from tests.federation.one_site import CLOSE, END, ROUNDS, Site, assert_problem, until

pytestmark = pytest.mark.anyio

EFFECT = {"modes": [0.25], "standard_deviations": [0.125]}


async def test_rounds_are_answered_one_after_the_other_and_each_at_one_psi(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        third = await client.post(ROUNDS, json=site.evaluate(3))
        assert third.status_code == 200, "a site that has restarted goes on where the coordinator is"
        for number in (1, 2):
            problem = assert_problem(await client.post(ROUNDS, json=site.evaluate(number)), 403, "round_answered")
            assert (problem["rule"], problem["status"]) == ("G3", "refused")
        assert_problem(await client.post(ROUNDS, json=site.start()), 403, "round_answered")
        assert_problem(await client.post(ROUNDS, json=site.evaluate(3, [0.0, 0.0, 1.0])), 403, "round_answered")
        assert_problem(await client.post(ROUNDS, json=site.evaluate(5)), 403, "round_skipped")
        assert (await client.post(ROUNDS, json=site.evaluate(3))).content == third.content
        assert (await client.post(ROUNDS, json=site.evaluate(4))).status_code == 200
        assert_problem(await client.post(ROUNDS, json=site.evaluate(3, [0.0, 0.0, 1.0])), 403, "round_answered")
    assert site.fake.calls == 2


async def test_a_coordinator_that_went_back_to_an_older_copy_gets_the_identical_bytes_again(site: Site) -> None:
    requests = [site.start(), site.evaluate(1), site.evaluate(2, [0.0, 0.0, 1.0])]
    async with site.client() as client:
        await site.prepare(client)
        first = [(await client.post(ROUNDS, json=request)).content for request in requests]
        again = [(await client.post(ROUNDS, json=request)).content for request in requests]
        assert first == again
        assert_problem(await client.post(ROUNDS, json=site.evaluate(1, [0.0, 0.0, 1.0])), 403, "round_answered")
        assert_problem(await client.post(ROUNDS, json=site.evaluate(4)), 403, "round_skipped")
        assert (await client.post(ROUNDS, json=site.evaluate(3))).status_code == 200


async def test_no_round_is_answered_above_the_specifications_limit(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        assert_problem(await client.post(ROUNDS, json=site.evaluate(51)), 403, "round_limit")
        assert (await client.post(ROUNDS, json=site.evaluate(50))).status_code == 200


@pytest.mark.parametrize("changes", [{"psi": [0.1, -0.2, 0.4]}, {"basis": [2.0]}, {"psi": None}])
async def test_a_site_effect_is_released_only_at_a_psi_that_was_answered(site: Site, changes: dict[str, Any]) -> None:
    async with site.client() as client:
        await site.prepare(client)
        assert (await client.post(END, json=CLOSE)).json() == {"site_effect": None, "signature": None}
        await site.prepare(client)
        await client.post(ROUNDS, json=site.evaluate())
        assert (await client.post(END, json=CLOSE | changes)).json() == {"site_effect": None, "signature": None}


async def test_a_site_effect_is_released_at_the_best_psi_when_the_last_trial_was_worse(site: Site) -> None:
    async with site.client() as client:
        await site.prepare(client)
        await client.post(ROUNDS, json=site.evaluate(1))
        await client.post(ROUNDS, json=site.evaluate(2, [0.1, -0.2, 0.4]))
        assert (await client.post(END, json=CLOSE)).json() == {"site_effect": EFFECT, "signature": None}


async def test_a_body_above_the_limit_is_refused_and_one_without_the_key_is_not_read(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("open-sesame\n", encoding="utf-8")
    site.settings = site.settings.model_copy(update={"key_file": tmp_path / "key"})
    read = 0

    async def body() -> Any:
        nonlocal read
        for _ in range(2 + LARGEST_REQUEST // 2**20):
            read += 1
            yield b" " * 2**20

    async with site.client() as client:
        assert_problem(await client.post(ROUNDS, content=body()), 401, "unauthorised")
        assert read == 0
    async with site.client(Authorization="Bearer open-sesame") as client:
        assert_problem(await client.post(ROUNDS, content=body()), 413, "too_large")


async def test_a_page_in_a_browser_gets_no_answer_though_the_site_asks_for_no_key(site: Site) -> None:
    async with site.client(Origin="http://attacker.example:8000") as client:
        assert_problem(await site.prepare(client), 401, "unauthorised")
        assert_problem(await client.post(ROUNDS, json=site.start()), 401, "unauthorised")
    async with site.client() as client:
        assert (await site.prepare(client)).status_code == 200


@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:8000", "127.0.0.1.attacker.example", "", "[::1"]
)
async def test_a_page_under_a_name_of_its_own_that_it_points_at_a_site_without_a_key_reads_nothing(
    site: Site, host: str
) -> None:
    async with site.client(Host=host) as client:
        assert_problem(await client.get("/v1/about"), 401, "unauthorised")
        assert_problem(await site.prepare(client), 401, "unauthorised")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000"])
async def test_whoever_names_the_machine_itself_is_answered_without_a_key(site: Site, host: str) -> None:
    async with site.client(Host=host) as client:
        assert (await client.get("/v1/about")).status_code == 200


async def test_what_a_coordinator_writes_does_not_fill_the_log(site: Site) -> None:
    with capture_logs() as logs:
        async with site.client() as client:
            await site.prepare(client)
            await client.post(END, json={"outcome": "x" * 150})
            await client.get("/v1/" + "y" * 5000)
            await site.prepare(client, site.specification(weights="w" * 60))
    assert next(log["outcome"] for log in logs if log["event"] == "closed") == "x" * LOGGED_TEXT
    assert max(len(str(log)) for log in logs) < 500


async def test_equal_requests_wait_without_occupying_the_threads_of_others(site: Site) -> None:
    limiter = anyio.CapacityLimiter(2)
    app = create_app(site.settings, limiter=limiter, estimator=site.fake.estimator())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        await site.prepare(client)
        site.fake.go.clear()
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(functools.partial(client.post, ROUNDS, json=site.evaluate()))
            await until(lambda: site.fake.calls == 1)
            with anyio.fail_after(5):
                assert (await site.prepare(client, analysis="two")).status_code == 200
            assert limiter.borrowed_tokens == 1
            site.fake.go.set()
    assert site.fake.calls == 1


async def test_a_prepare_that_waits_is_dropped_once_whoever_asked_has_gone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a cancelled analysis does: the next one does not wait for its design."""
    begun: list[str] = []
    go = threading.Event()

    def slow(specification: Specification, dictionary: Dictionary, columns: Columns) -> SiteDesign:
        begun.append(specification.title)
        assert go.wait(10)
        return build(specification, dictionary, columns)

    monkeypatch.setattr(evaluation, "build", slow)
    listening = socket.create_server(("127.0.0.1", 0))
    server = hosting._Server(site.settings, anyio.CapacityLimiter(2))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with anyio.create_task_group() as serving, httpx.AsyncClient(base_url=url, timeout=20) as client:

        async def prepared(title: str) -> httpx.Response:
            return await site.prepare(client, site.specification(title=title), analysis=title)

        serving.start_soon(server.serve, [listening])
        await server.listening.wait()
        async with anyio.create_task_group() as gone:
            for title in ("first", "second", "third"):
                gone.start_soon(prepared, title)
                await until(lambda: begun == ["first"])
            await until(lambda: len(server.server_state.tasks) == 3)
            gone.cancel_scope.cancel()
        await until(lambda: not server.server_state.connections)
        go.set()
        assert (await prepared("fourth")).status_code == 200
        server.should_exit = True
    assert begun == ["first", "fourth"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"link": "identity"}, "link"),
        ({"roster": ["A", "A"]}, "roster"),
        ({"fixed": [{"name": "c", "factors": []}, {"name": "c", "factors": []}]}, "fixed"),
        ({"fixed": [{"name": f"c{k}", "factors": []} for k in range(1001)]}, "fixed"),
        ({"random": [{"group": "site", "columns": [{"name": "1", "factors": []}], "sd": 1e9}]}, "sd"),
    ],
)
async def test_a_specification_beyond_the_limits_is_a_problem_that_names_the_field(
    site: Site, change: dict[str, Any], field: str
) -> None:
    body = {"specification": site.specification().model_dump(mode="json") | change}
    async with site.client() as client:
        response = await client.post("/v1/analyses/one/prepare", json=body)
    assert assert_problem(response, 422, "request")["where"].endswith(field)


SLOW = """
import dataclasses, functools, os, sys, time
from site_node import app, cli, hosting

def start(rows, model):
    print(f"umask {os.umask(0):03o}", flush=True)
    time.sleep(60)

slow = dataclasses.replace(app.LAPLACE, start=start)
hosting.create_app = functools.partial(app.create_app, estimator=slow)
cli.app()
"""


def test_a_process_ends_when_told_even_while_it_computes_and_keeps_its_files_to_its_owner(
    site: Site, tmp_path: Path
) -> None:
    folder, announce = tmp_path / "A", tmp_path / "announce.json"
    write_site(folder, NewSite(name="A", data=str(site.data), dictionary=str(site.settings.dictionary)))
    (folder / "secret").chmod(0o644)
    command = [sys.executable, "-c", SLOW, "serve", str(folder), "--announce", str(announce)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while not announce.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            url = json.loads(announce.read_text(encoding="utf-8"))["sites"]["A"] + "/v1/analyses/one"
            body = {"specification": site.specification().model_dump(mode="json")}
            assert httpx.post(f"{url}/prepare", json=body).status_code == 200
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{url}/contributions", json=site.start(), timeout=0.5)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            said, log = process.communicate(timeout=45)
            assert time.monotonic() - began < 30  # it would compute for 60
        finally:
            process.kill()
    assert process.returncode == 0
    assert said == "umask 077\n"
    assert "Traceback" not in log
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert events[-1]["event"] == "ended while computing"
    (warning,) = [event for event in events if "secret" in event["event"]]
    assert (warning["site"], warning["file"]) == ("A", str(folder / "secret"))
