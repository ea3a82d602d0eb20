"""The compose demo does what README and docs/operations.md say, in real containers.

It needs a container engine and port 8000 of loopback, so it runs only if FEDGLMM_COMPOSE is 1; `.ci/run` sees to both.
"""

import json
import os
import re
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from coordinator.client.cli import app
from shared.codes import UNAUTHORISED, UNSIGNED
from shared.consortium import read_consortium

pytestmark = pytest.mark.skipif(
    os.environ.get("FEDGLMM_COMPOSE") != "1", reason="it needs a container engine: set FEDGLMM_COMPOSE=1"
)

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"COMPOSE_PROJECT_NAME": "fedglmm-test", "FEDGLMM_PORT": "8000"}
SITES = {
    "bhat": "BHAT TM",
    "multicentre": "Multicentre Int",
    "norwegian": "Norwegian Multicentre",
    "eis": "EIS",
}
SERVERS = (*SITES, "coordinator")
URL = "http://127.0.0.1:8000"
REQUEST = {"formula": "death ~ treatment + (1 | site)", "family": "binomial"}
SECONDS = 90.0
THROTTLED, PAUSED = "0.05", "eis"


def command(*words: str, ok: bool = True, stderr: int | None = subprocess.STDOUT, place: Path = ROOT) -> str:
    """What a command says, on standard error as well unless that is left alone."""
    done = subprocess.run(
        words,
        cwd=place,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0 or not ok, done.stdout
    return done.stdout


def compose(*words: str, ok: bool = True) -> str:
    return command("docker", "compose", *words, ok=ok)


def inside(service: str, program: str, *, ok: bool = True) -> str:
    """What a Python program prints in a service's container."""
    return compose("exec", "-T", service, "python", "-c", program, ok=ok).strip()


def inspected(service: str) -> dict[str, Any]:
    container = compose("ps", "--all", "--quiet", service).strip()
    found: list[dict[str, Any]] = json.loads(command("docker", "inspect", container))
    return found[0]


@pytest.fixture(scope="module", autouse=True)
def federation() -> Iterator[None]:
    compose("down", "--volumes", "--remove-orphans")
    try:
        try:
            compose("up", "--build", "--wait")
        except AssertionError as error:
            error.add_note(compose("logs", ok=False))
            raise
        yield
    finally:
        compose("down", "--volumes", "--remove-orphans")


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """The result that README's curl gives."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("docker compose up --wait\n", 1)[1]
    written = re.search(r"^    (curl (?:.*\\\n)*.*)$", section, re.MULTILINE)
    assert written is not None
    result: dict[str, Any] = json.loads(command("bash", "-euo", "pipefail", "-c", written.group(1), stderr=None))
    return result


@pytest.fixture
def analyst() -> Iterator[httpx.Client]:
    key = compose("exec", "-T", "coordinator", "cat", "/run/secrets/analyst.key").strip()
    with httpx.Client(base_url=URL, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:
        yield client


def test_the_curl_of_the_readme_gives_the_estimates_of_the_pooled_rows(undisturbed: dict[str, Any]) -> None:
    values = ROOT / "tests" / "reference" / "values" / "betablocker_four_largest_ri.json"
    pooled = json.loads(values.read_text(encoding="utf-8"))["fits"]["glmmTMB_laplace"]
    rows = {row["term"]: row for row in undisturbed["tidy"] if row["effect"] != "ran_vals"}
    for (name, estimate), error in zip(pooled["beta"].items(), pooled["se"], strict=True):
        assert rows[name]["estimate"] == pytest.approx(estimate, rel=1e-7)
        assert rows[name]["std.error"] == pytest.approx(error, rel=1e-7)
    assert rows["sd__(Intercept)"]["estimate"] == pytest.approx(pooled["random_effects"]["sd"][0], rel=1e-7)
    assert undisturbed["glance"]["logLik"] == pytest.approx(pooled["logLik"], rel=1e-7)
    assert [site["site"] for site in undisturbed["roster"]] == list(SITES.values())


def test_every_site_signs_the_result_by_its_key_in_the_consortium_file_that_all_have(
    undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    files = {
        service: inside(service, f"print(open('/{folder}/consortium.toml').read())")
        for service, folder in [("coordinator", "coordinator"), *((site, "site") for site in SITES)]
    }
    assert len(set(files.values())) == 1
    (tmp_path / "consortium.toml").write_text(files["coordinator"], encoding="utf-8")
    assert set(read_consortium(tmp_path / "consortium.toml").sites) == set(SITES.values())
    (tmp_path / "result.json").write_text(json.dumps(undisturbed), encoding="utf-8")
    given = ["verify", str(tmp_path / "result.json"), "--consortium", str(tmp_path / "consortium.toml")]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("killed", ["coordinator", "bhat"])
def test_a_container_killed_in_the_middle_of_a_fit_changes_no_bit_of_the_result(
    killed: str, analyst: httpx.Client, undisturbed: dict[str, Any]
) -> None:
    analysis = halted_in_a_round(analyst, len(undisturbed["convergence"]["trace"]))
    compose("kill", "--signal", "KILL", killed)
    assert inspected(killed)["State"]["ExitCode"] == 137
    compose("start", killed)
    compose("kill", "--signal", "CONT", PAUSED)
    assert bits(ended(analyst, analysis)) == bits(undisturbed)


def halted_in_a_round(analyst: httpx.Client, rounds: int) -> str:
    """An analysis that waits for a paused site in one of its rounds; slowing the site down makes them long enough to be met."""
    slowed = compose("ps", "--quiet", PAUSED).strip()
    for _ in range(5):
        command("docker", "update", "--cpus", THROTTLED, slowed)
        submitted = analyst.post("/v1/analyses", json=REQUEST)
        assert submitted.status_code == 201
        place = submitted.json()["links"]["self"]
        until = time.monotonic() + SECONDS
        while (seen := analyst.get(place).json())["round"] < 1 and time.monotonic() < until:
            time.sleep(0.01)
        command("docker", "kill", "--signal", "STOP", slowed)  # a freezer may fail on who is out of his share
        command("docker", "update", "--cpus", "1", slowed)
        seen = analyst.get(place).json()
        if seen["state"] == "running" and seen["round"] < rounds - 1:  # so at least one more answer of it is needed
            return str(seen["id"])
        compose("kill", "--signal", "CONT", PAUSED)
        ended(analyst, seen["id"])
    pytest.fail("no analysis was met in the middle")


def ended(analyst: httpx.Client, analysis: str) -> dict[str, Any]:
    """The result, once the coordinator has it and can be asked."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            answer = analyst.get(f"/v1/analyses/{analysis}/result")
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code == 200:
            result: dict[str, Any] = answer.json()
            return result
        assert answer.status_code == 409, answer.text
        time.sleep(0.1)
    pytest.fail("the analysis did not end: " + analyst.get(f"/v1/analyses/{analysis}").text)


def bits(result: dict[str, Any]) -> str:
    """All of a result but how long its rounds took, and what is of one analysis in what sites sign. JSON keeps every bit."""
    trace = [
        {name: value for name, value in row.items() if name != "seconds"} for row in result["convergence"]["trace"]
    ]
    signed = {name: result["countersigned"]["signed"][name] for name in ("outcome", "psi", "basis")}
    return json.dumps(
        result | {"convergence": result["convergence"] | {"trace": trace}, "countersigned": {"signed": signed}}
    )


@pytest.mark.parametrize("service", SERVERS)
def test_a_server_is_not_root_has_no_capability_and_cannot_write_outside_its_own_folders(service: str) -> None:
    status = dict(line.split(":\t", 1) for line in inside(service, "print(open('/proc/1/status').read())").splitlines())
    assert set(status["Uid"].split() + status["Gid"].split()) == {"10001"}
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert status["NoNewPrivs"] == "1"
    folders = ("/", "/opt/fedglmm", "/site", "/coordinator", "/run/secrets", "/ledger", "/database", "/tmp")  # noqa: S108 -- a container's
    written = f"import os; print(*[folder for folder in {folders} if os.access(folder, os.W_OK)])"
    assert inside(service, written).split() == [folders[6 if service == "coordinator" else 5], folders[7]]
    limits = inspected(service)["HostConfig"]
    assert limits["ReadonlyRootfs"]
    assert limits["Memory"] > 0
    assert limits["PidsLimit"] > 0


def test_only_the_coordinators_port_is_published_and_on_loopback_only() -> None:
    published = {
        (service, inner, outer["HostIp"], outer["HostPort"])
        for service in SERVERS
        for inner, bindings in inspected(service)["NetworkSettings"]["Ports"].items()
        for outer in bindings or ()
    }
    assert published == {("coordinator", "8000/tcp", "127.0.0.1", "8000")}


@pytest.mark.parametrize("service", SITES)
def test_a_site_reaches_the_coordinator_and_nothing_beyond_their_network(service: str) -> None:
    """The coordinator's address on its other network stands for the rest of the world: the engine's host reaches it."""
    beyond = inspected("coordinator")["NetworkSettings"]["Networks"]["fedglmm-test_published"]["IPAddress"]
    assert httpx.get(f"http://{beyond}:8000/health", trust_env=False).status_code == 200
    asks = f"""
import socket
for place in ("coordinator", "{beyond}"):
    try:
        socket.create_connection((place, 8000), timeout=2).close()
        print("reached")
    except OSError as error:
        print(type(error).__name__)
"""
    reached, fault = inside(service, asks).split()
    assert reached == "reached"
    assert fault in {"TimeoutError", "OSError"}


@pytest.mark.parametrize(("service", "name"), SITES.items())
def test_a_site_sees_its_own_rows_and_no_others(service: str, name: str) -> None:
    mounts = {(mount["Name"], mount["Destination"], mount["RW"]) for mount in inspected(service)["Mounts"]}
    assert mounts == {
        (f"fedglmm-test_{service}", "/site", False),
        (f"fedglmm-test_{service}-key", "/run/secrets", False),
        (f"fedglmm-test_{service}-ledger", "/ledger", True),
    }
    trials = inside(service, "print({line.split(',')[0] for line in open('/site/data.csv')} - {'trial'})")
    assert trials == str({name})


@pytest.mark.parametrize("service", SITES)
def test_what_a_site_keeps_is_in_a_volume_of_its_own_for_its_user_only(
    service: str, undisturbed: dict[str, Any]
) -> None:
    assert undisturbed["countersigned"], "so that there is something to keep"
    folders = ("/site", "/run/secrets", "/ledger")
    files = tuple(f"/ledger/{name}" for name in ("identity", "masked.db", "history.db", "ledger.jsonl"))
    look = f"""
import os, stat
for found in map(os.stat, {folders + files}):
    print(found.st_uid, oct(stat.S_IMODE(found.st_mode)))
"""
    assert inside(service, look).splitlines() == ["10001 0o700"] * len(folders) + ["10001 0o600"] * len(files)
    compose("exec", "-T", service, "fedglmm-site", "ledger", "verify", "/site")
    shown = compose("exec", "-T", service, "fedglmm-site", "ledger", "export", "/site")
    assert undisturbed["specification_sha256"] in shown


def test_a_site_answers_who_has_its_own_key_and_the_coordinators_signature_and_nobody_else() -> None:
    asks = """
import urllib.error, urllib.request
from pathlib import Path
from coordinator.membership import member_of
from coordinator.settings import load_settings
from shared.signed import Asked, digest_of
member = member_of(load_settings(Path("/coordinator")))
signature = member.with_site("EIS").sign_request(Asked("GET", "/v1/about", "now", digest_of(b"")))
for file in ("EIS", "BHAT-TM"):
    key = {"Authorization": "Bearer " + Path(f"/run/secrets/{file}.key").read_text().strip()}
    for headers in (key, key | signature):
        try:
            print(urllib.request.urlopen(urllib.request.Request("http://eis:8000/v1/about", headers=headers)).status)
        except urllib.error.HTTPError as error:
            print(error.code, error.read().decode())
"""
    unsigned, answered, still_unsigned, other_key = inside("coordinator", asks).splitlines()
    assert answered == "200"
    for refused, code in ((unsigned, UNSIGNED), (still_unsigned, UNSIGNED), (other_key, UNAUTHORISED)):
        status, _, problem = refused.partition(" ")
        assert (status, json.loads(problem)["code"]) == ("401", code)


def test_no_key_is_in_what_the_engine_shows_of_containers_and_image_nor_in_the_logs(
    undisturbed: dict[str, Any],
) -> None:
    read = """
import json, os, stat
from pathlib import Path
files = sorted(Path('/run/secrets').iterdir())
print(json.dumps([[f.name, f.read_text().strip(), f.stat().st_uid, stat.S_IMODE(f.stat().st_mode)] for f in files]))
"""
    files = json.loads(inside("coordinator", read))
    identities = {inside(site, "print(open('/ledger/identity').read())") for site in SITES}
    assert not identities & {text for _, text, _, _ in files}, "a site's signing key is nobody else's"
    keys = {text for name, text, _, _ in files if name != "keys.toml"}
    (people,) = [text for name, text, _, _ in files if name == "keys.toml"]
    assert len(keys) == len(SITES) + len(["administrator", "analyst", "identity"])
    assert not [key for key in keys if key in people], "of people's keys the coordinator's file has the hashes"
    assert {(owner, mode) for *_, owner, mode in files} == {(10001, 0o600)}
    logs = compose("logs")
    assert f'"outcome": "{undisturbed["convergence"]["outcome"]}"' in logs, "so there is something to look through"
    shown = [
        logs,
        compose("config"),
        command("docker", "history", "--no-trunc", "fedglmm"),
        command("docker", "image", "inspect", "fedglmm"),
        *(json.dumps(inspected(service)) for service in ("setup", *SERVERS)),
    ]
    for site in SITES:
        own = json.loads(inside(site, read))
        assert [key in keys for _, key, _, _ in own] == [True], "a site has its own key and no other"
    assert len(identities) == len(SITES)
    assert not [key for key in keys | identities if any(key in text for text in shown)]


def test_a_key_file_that_an_engine_mounts_for_all_to_read_is_taken_there_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "some.key").write_text("0123456789abcdef\n", encoding="ascii")
    (tmp_path / "some.key").chmod(0o444)
    tmp_path.chmod(0o755)
    program = "import sys; from pathlib import Path; from coordinator.keys import read_key; "
    program += "print(read_key(Path(sys.argv[1]), exposed=True))"
    said = [
        command(
            *("docker", "run", "--rm", "--network", "none", "--volume", f"{tmp_path}/some.key:{place}", "fedglmm"),
            *("python", "-c", program, place.partition(":")[0]),
            ok=False,
        )
        for place in ("/run/secrets/some.key:ro", "/run/secrets/some.key", "/keys/some.key:ro")
    ]
    assert said[0].strip() == "**********"
    assert all("others than its owner can read the key file" in text for text in said[1:])


def test_containers_end_at_once_and_come_back_with_their_keys_and_analyses(analyst: httpx.Client) -> None:
    before = [one["id"] for one in analyst.get("/v1/analyses").json()["analyses"]]
    assert before
    began = time.monotonic()
    compose("stop", "--timeout", "60")
    assert time.monotonic() - began < 30  # Docker would kill them after 60
    assert {service: inspected(service)["State"]["ExitCode"] for service in SERVERS} == dict.fromkeys(SERVERS, 0)
    compose("up", "--wait")
    assert [one["id"] for one in analyst.get("/v1/analyses").json()["analyses"]] == before, "with the key of before"


def test_the_file_of_the_operations_page_runs_one_hospitals_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (
        (ROOT / "docs" / "operations.md")
        .read_text(encoding="utf-8")
        .split("## One hospital's site in a container", 1)[1]
    )
    commands, file, replacing = (textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n)+", page, re.MULTILINE))
    (tmp_path / "docker-compose.yml").write_text(file, encoding="utf-8")
    (tmp_path / "rows.csv").write_text("arm,dead\n" + "a,0\nb,1\n" * 15, encoding="ascii")
    dictionary = {
        "variables": [{"name": "arm", "type": "factor", "levels": ["a", "b"]}, {"name": "dead", "type": "integer"}]
    }
    (tmp_path / "dictionary.json").write_text(json.dumps(dictionary), encoding="ascii")
    (tmp_path / "bern.key").write_text("0123456789abcdef\n", encoding="ascii")
    monkeypatch.setitem(ENVIRONMENT, "COMPOSE_PROJECT_NAME", "fedglmm-test-hospital")
    try:
        found_nothing = "Nothing was found that would be refused."
        assert found_nothing in command("bash", "-euo", "pipefail", "-c", commands, place=tmp_path)
        about = [
            httpx.get("http://127.0.0.1:8101/v1/about", headers={"Authorization": f"Bearer {key}"}, trust_env=False)
            for key in ("0123456789abcdef", "0123456789abcdeg")
        ]
        assert [answer.status_code for answer in about] == [200, 401]
        assert about[0].json()["site"] == "Bern"
        (tmp_path / "new.csv").write_text("arm,dead\n" + "a,1\nb,0\n" * 20, encoding="ascii")
        assert found_nothing in command("bash", "-euo", "pipefail", "-c", replacing, place=tmp_path)
        assert "others than the owner" not in command("docker", "compose", "logs", place=tmp_path)
    finally:
        command("docker", "compose", "down", "--volumes", place=tmp_path)
