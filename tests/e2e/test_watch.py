"""The commands about analyses that are under way, against real processes: watch, cancel, export, and fit interrupted."""

import csv
import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.e2e.commands import BIN, Running, run, started
from tests.e2e.small_federation import REQUEST, Federation, eventually, free_ports, small_federation, url_of


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """Its coordinator keeps its port over a restart."""
    with small_federation(tmp_path_factory.mktemp("watch"), port=free_ports(1)[0]) as running:
        yield running


def command(folder: Path, federation: Federation, *arguments: str) -> AbstractContextManager[Running]:
    """One of the analyst's commands while it runs."""
    return started([str(BIN / "fedglmm"), *arguments, "--coordinator", url_of(federation)], folder)


def fedglmm(federation: Federation, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run("fedglmm", *arguments, "--coordinator", url_of(federation))


def test_watch_shows_rounds_live_and_ends_as_fit_does(federation: Federation, tmp_path: Path) -> None:
    with ExitStack() as stack:
        held = stack.enter_context(federation.gates["Bern"].holding("2"))
        analysis = federation.submit()
        watch = stack.enter_context(command(tmp_path, federation, "watch", analysis))
        held.wait()
        eventually(lambda: watch.rounds == [1])
        assert watch.process.poll() is None
        federation.gates["Bern"].open()
        assert watch.ends() == 0
    trace = federation.http.get(f"/analyses/{analysis}/rounds").json()["rounds"]
    assert watch.rounds == [entry["round"] for entry in trace]
    assert watch.printed == fedglmm(federation, "show", analysis).stdout
    again = fedglmm(federation, "watch", analysis, "--json")
    assert (again.returncode, again.stderr) == (0, watch.told)
    assert json.loads(again.stdout)["convergence"]["outcome"] == "converged"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_watch_goes_on_where_it_was_over_a_restart_and_a_coordinator_that_is_watched_stops_in_time(
    federation: Federation, tmp_path: Path, how: signal.Signals
) -> None:
    with ExitStack() as stack:
        held = stack.enter_context(federation.gates["Bern"].holding("3"))
        analysis = federation.submit()
        watch = stack.enter_context(command(tmp_path, federation, "watch", analysis))
        held.wait()
        eventually(lambda: watch.rounds == [1, 2])
        federation.coordinator.process.send_signal(how)
        federation.coordinator.process.wait(5)
        eventually(lambda: "Trying again for 60 s" in watch.told)
        federation.restart_coordinator()
        federation.gates["Bern"].open()
        assert watch.ends() == 0
    rounds = federation.view(analysis)["round"]
    assert watch.rounds == list(range(1, rounds + 1))
    assert "The coordinator answers again." in watch.told


@pytest.mark.parametrize("name", ["fit", "watch"])
def test_ctrl_c_stops_the_watching_and_not_the_analysis(federation: Federation, tmp_path: Path, name: str) -> None:
    with ExitStack() as stack:
        held = stack.enter_context(federation.gates["Bern"].holding("2"))
        what = REQUEST["formula"] if name == "fit" else federation.submit()
        running = stack.enter_context(command(tmp_path, federation, name, what))
        held.wait()
        eventually(lambda: running.rounds == [1])
        running.process.send_signal(signal.SIGINT)
        assert running.ends() == 130
        analysis = federation.http.get("/analyses", params={"limit": 1}).json()["analyses"][0]["id"]
        assert federation.view(analysis)["state"] == "running"
        for advised in ("watch", "cancel"):
            assert f"fedglmm {advised} {analysis} --coordinator {url_of(federation)}" in running.told
    assert federation.until(analysis)["state"] == "converged"


def test_the_advice_after_ctrl_c_works_as_it_is_pasted(federation: Federation, tmp_path: Path) -> None:
    key_file = tmp_path / "my own.key"
    key_file.write_text("the-key-of-the-analyst\n")
    with federation.gates["Bern"].holding("2") as held:
        analysis = federation.submit()
        with command(tmp_path, federation, "watch", analysis, "--key-file", str(key_file)) as running:
            held.wait()
            eventually(lambda: running.rounds == [1])
            running.process.send_signal(signal.SIGINT)
            assert running.ends() == 130
            advised = re.findall(r"^ +(fedglmm .*?)  +\S", running.told, re.MULTILINE)
        assert [shlex.split(line)[1] for line in advised] == ["watch", "cancel"]
        assert all(shlex.split(line)[-2:] == ["--key-file", str(key_file)] for line in advised)
        cancelled = run(*shlex.split(advised[1]))
    assert (cancelled.returncode, federation.view(analysis)["state"]) == (0, "cancelled")


def test_show_tells_an_analysis_without_a_result_in_words(federation: Federation) -> None:
    with federation.gates["Bern"].holding("2") as held:
        analysis = federation.submit()
        held.wait()
        shown, as_json = fedglmm(federation, "show", analysis), fedglmm(federation, "show", analysis, "--json")
        federation.sites["Bern"].kill()
        held.lose()
    eventually(lambda: federation.view(analysis)["state"] == "paused")
    paused = fedglmm(federation, "show", analysis)
    fedglmm(federation, "cancel", analysis)
    ended = fedglmm(federation, "show", analysis)
    federation.sites["Bern"].start()
    assert (shown.returncode, f"{analysis}: running since " in shown.stdout) == (0, True)
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC\. The last round was 1\.", shown.stdout)
    assert json.loads(as_json.stdout)["state"] == "running"
    assert ", waiting for Bern." in paused.stdout
    assert (ended.returncode, f"{analysis}: cancelled since " in ended.stdout) == (4, True)
    assert "the analysis is cancelled." in ended.stderr


def test_list_prints_a_line_an_analysis_for_other_programs_and_filters_them(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    formula = " + ".join(["y ~ x", *(f"I(x^{power})" for power in range(2, 5)), "(1 | site)"])
    analysis = federation.submit(formula=formula, title="Of the list")
    view = federation.until(analysis)
    listed = fedglmm(federation, "list").stdout
    row = next(line for line in listed.splitlines() if analysis in line)
    texts = [
        analysis,
        view["state"],
        str(view["round"]),
        view["created_at"][:16].replace("T", " "),
        formula,
        "Of the list",
    ]
    assert re.split(r" {2,}", row.strip()) == texts
    day = view["created_at"][:10]
    filters = ["--formula", "i(X^4)", "--state", view["state"], "--since", day, "--until", day, "--json"]
    assert [one["id"] for one in json.loads(fedglmm(federation, "list", *filters).stdout)] == [analysis]


def test_cancel_ends_an_analysis_once_and_never_deletes_it(federation: Federation, tmp_path: Path) -> None:
    gate = federation.gates["Bern"]
    with ExitStack() as stack:
        held = stack.enter_context(gate.holding("2"))
        analysis = federation.submit()
        watch = stack.enter_context(command(tmp_path, federation, "watch", analysis))
        held.wait()
        eventually(lambda: watch.rounds == [1])
        closed = gate.asked.count("close")
        done = fedglmm(federation, "cancel", analysis)
        assert (done.returncode, done.stdout) == (
            0,
            f"Cancelled: analysis {analysis}, after round 1. The sites are told.\n",
        )
        assert watch.ends() == 4
        assert "the analysis is cancelled" in watch.told
        eventually(lambda: gate.asked.count("close") == closed + 1)
    again = fedglmm(federation, "cancel", analysis)
    assert again.returncode == 2
    assert "it has ended already: it is cancelled. Nothing was changed." in again.stderr
    assert federation.view(analysis)["state"] == "cancelled"
    unknown = fedglmm(federation, "cancel", "nobody")
    assert (unknown.returncode, "there is no such analysis. `fedglmm list`" in unknown.stderr) == (2, True)


def test_export_writes_every_number_and_overwrites_only_when_told_to(federation: Federation, tmp_path: Path) -> None:
    analysis = federation.submit()
    federation.until(analysis, "converged")
    result = federation.http.get(f"/analyses/{analysis}/result").json()
    assert json.loads(fedglmm(federation, "export", analysis).stdout) == result
    file = tmp_path / "tidy.csv"
    arguments = ["export", analysis, "--format", "csv", "--out", str(file)]
    assert fedglmm(federation, *arguments).returncode == 0
    with file.open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [list(row) for row in rows] == [list(row) for row in result["tidy"]]
    for row, told in zip(rows, result["tidy"], strict=True):
        for name, value in told.items():
            assert row[name] == "" if value is None else type(value)(row[name]) == value
    file.write_text("mine")
    refused = fedglmm(federation, *arguments)
    assert (refused.returncode, file.read_text()) == (2, "mine")
    assert "--force" in refused.stderr
    assert fedglmm(federation, *arguments, "--force").returncode == 0
    assert file.read_text() == fedglmm(federation, "export", analysis, "--format", "csv").stdout


def test_export_says_in_words_that_there_is_no_result(federation: Federation) -> None:
    with federation.gates["Bern"].holding("2") as held:
        analysis = federation.submit()
        held.wait()
        done = fedglmm(federation, "export", analysis)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no result: the analysis is running. Ask again once it has ended." in done.stderr
    federation.until(analysis)


def test_one_request_that_prefers_to_wait_gives_the_fit(federation: Federation) -> None:
    response = federation.http.post("/analyses", json=REQUEST, headers={"Prefer": "wait=60"}, follow_redirects=True)
    assert [step.status_code for step in (*response.history, response)] == [303, 200]
    assert response.json()["convergence"]["outcome"] == "converged"
