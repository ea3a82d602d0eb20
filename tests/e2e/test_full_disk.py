"""Servers whose disk really fills up say so, lose nothing, and go on once there is room."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from shared.messages import Problem
from site_node.folder import NewSite, write_site
from site_node.release.ledger import read_ledger
from tests.e2e.commands import BIN, PATIENCE
from tests.e2e.small_disk import SmallDisk
from tests.e2e.small_federation import REQUEST, Bits, Federation, Server, eventually, small_federation
from tests.federation.one_site import Site


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> SmallDisk:
    return SmallDisk(tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory, disk: SmallDisk) -> Iterator[Federation]:
    database = f"sqlite:///{disk.inside[-1]}/coordinator.db"
    with small_federation(tmp_path_factory.mktemp("full"), disk.inside, database=database) as running:
        yield running


def test_a_disk_that_fills_up_in_the_middle_is_told_in_words_and_costs_no_round(
    federation: Federation, disk: SmallDisk
) -> None:
    undisturbed = bits(federation, disk, federation.submit())
    pid = federation.coordinator.process.pid
    with federation.gates["Bern"].holding("2") as held:
        analysis = federation.submit()
        held.wait()
        disk.fill(pid)
    eventually(lambda: '"not_stored"' in federation.coordinator.log)
    for answer in (federation.http.post("/analyses", json=REQUEST), federation.http.delete(f"/analyses/{analysis}")):
        problem = Problem.model_validate_json(answer.content)
        assert (answer.status_code, problem.code, problem.where) == (503, "store", "database")
        assert problem.message == "the database cannot be written (SQLITE_FULL)."
        assert "disk full" in problem.remedy
    view = federation.view(analysis)
    assert (view["state"], view["round"]) == ("running", 1)
    disk.make_room(pid)
    assert bits(federation, disk, analysis) == undisturbed
    assert federation.gates["Bern"].asked.count("2") == 2, "the round that could not be stored was not asked for again"
    assert len(federation.http.get("/analyses").json()["analyses"]) == 2
    assert "Traceback" not in federation.coordinator.log


def test_a_disk_too_small_for_the_sites_files_is_told_as_that_and_not_as_a_fault_of_the_data(tmp_path: Path) -> None:
    data, small = tmp_path / "data.csv", tmp_path / "disk"
    small.mkdir()
    data.write_text("where,x\n" + "".join(f"{k % 2},{k / 7}\n" for k in range(200_000)), encoding="utf-8")
    command = [*SmallDisk(small).inside, str(BIN / "fedglmm-site"), "split", str(data), "--by", "where"]
    done = subprocess.run([*command, "--out", str(small / "sites")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "data.csv: the file cannot be written. Is its disk full" in done.stderr
    assert "Traceback" not in done.stderr


def test_from_a_site_whose_ledger_is_on_a_full_disk_nothing_leaves_until_there_is_room(tmp_path: Path) -> None:
    site, home, small = Site(tmp_path), tmp_path / "home", tmp_path / "disk"
    small.mkdir()
    disk = SmallDisk(small)
    dictionary = str(tmp_path / "dictionary.json")
    write_site(home, NewSite(name="A", data=str(site.data), dictionary=dictionary, ledger=str(small / "ledger.jsonl")))
    command = [*disk.inside, str(BIN / "fedglmm-site"), "serve", str(home)]
    with closing(Server(command, tmp_path / "announced.json")) as server:
        analysis = f"{server.start()['sites']['A']}/v1/analyses/one"
        pid = server.process.pid
        ledger = disk.seen_from(pid) / "ledger.jsonl"

        def ask(step: str, body: dict[str, object]) -> httpx.Response:
            return httpx.post(f"{analysis}/{step}", json=body, timeout=PATIENCE)

        ask("prepare", {"specification": site.specification().model_dump(mode="json")}).raise_for_status()
        disk.fill(pid)
        given = 0  # the last block of the ledger has room for a few
        while (answer := ask("contributions", site.start())).is_success:
            given += 1
        problem = Problem.model_validate_json(answer.content)
        assert (answer.status_code, problem.code, problem.where) == (503, "ledger", "ledger.jsonl")
        assert "No space left on device" in problem.message
        assert [one.entry.event for one in read_ledger(ledger).entries] == ["prepared", *["start"] * given]
        disk.make_room(pid)
        assert ask("contributions", site.start()).is_success
        after = read_ledger(ledger)
        assert [one.entry.event for one in after.entries] == ["prepared", *["start"] * (given + 1)]
        assert (after.fault, after.cut) == (None, b"")
        assert "Traceback" not in server.log


def bits(federation: Federation, disk: SmallDisk, analysis: str) -> Bits:
    """As Federation.bits, from a copy of the database."""
    federation.until(analysis, "converged")
    for file in disk.seen_from(federation.coordinator.process.pid).glob("coordinator.db*"):
        shutil.copy(file, federation.folder)
    return federation.bits(analysis)
