"""A coordinator's database that is in use, torn, read-only or put back from an earlier copy, with the real commands."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.e2e.commands import BIN, run
from tests.e2e.small_disk import SmallDisk
from tests.e2e.small_federation import Bits, Federation, Server, small_federation

PAGE = 4096
WRONG = 2


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    with small_federation(tmp_path_factory.mktemp("torn")) as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(federation: Federation) -> Bits:
    return federation.fitted()


def stored_rounds(database: Path) -> int:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM rounds").fetchone()[0])


def test_a_coordinator_that_lost_its_last_rounds_is_answered_them_again_with_the_same_bits(
    federation: Federation, undisturbed: Bits, tmp_path: Path
) -> None:
    log = federation.database.with_name("coordinator.db-wal")
    before = stored_rounds(federation.database)
    with federation.gates["Bern"].holding("4") as held:
        analysis = federation.submit()
        held.wait()
        federation.coordinator.kill()
        content = log.read_bytes()
        for end in range(len(content), 0, -PAGE):  # until two of its three rounds are cut off
            log.write_bytes(content[:end])
            copy = tmp_path / str(end)
            shutil.copytree(federation.folder, copy, ignore=shutil.ignore_patterns("*-shm"))
            if stored_rounds(copy / "coordinator.db") == before + 1:
                break
        else:
            pytest.fail("no cut leaves just one of the three rounds")
        federation.database.with_name("coordinator.db-shm").unlink()
        federation.restart_coordinator()
    assert federation.bits(analysis) == undisturbed
    assert federation.gates["Bern"].asked.count("2") == 3, "once undisturbed, and twice in this analysis"


def test_a_second_coordinator_on_a_database_does_not_start_and_one_after_kill_9_does(federation: Federation) -> None:
    before = federation.database.read_bytes()
    done = run("fedglmm-coordinator", "serve", str(federation.folder))
    assert done.returncode == WRONG
    assert f"another coordinator uses the database: {federation.database}." in done.stderr
    assert "Stop it first, or give this one a database of its own." in done.stderr
    assert federation.database.read_bytes() == before
    federation.restart_coordinator()
    assert federation.http.get("/analyses").is_success


def test_a_backup_of_a_running_coordinator_is_a_database_that_another_one_goes_on_from(
    federation: Federation, tmp_path: Path
) -> None:
    analysis = federation.submit()
    federation.until(analysis, "converged")
    settings = configured(tmp_path)
    done = run("fedglmm-coordinator", "backup", str(federation.folder), str(tmp_path / "coordinator.db"))
    assert (done.returncode, done.stderr) == (0, "")
    restored = Server([str(BIN / "fedglmm-coordinator"), "serve", str(settings)], tmp_path / "coordinator.json")
    try:
        answer = httpx.get(f"{restored.start()['url']}/v1/analyses/{analysis}/result")
    finally:
        restored.close()
    assert answer.content == federation.http.get(f"/analyses/{analysis}/result").content


def test_a_torn_database_is_told_at_the_start_and_left_as_it_is(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    with closing(sqlite3.connect(tmp_path / "coordinator.db")) as connection:
        connection.execute("CREATE TABLE analyses (id TEXT)")
        connection.executemany("INSERT INTO analyses VALUES (?)", [("x" * 500,)] * 100)
        connection.commit()
    torn = (tmp_path / "coordinator.db").read_bytes()[: 3 * PAGE]
    (tmp_path / "coordinator.db").write_bytes(torn)
    done = run("fedglmm-coordinator", "serve", str(settings))
    assert done.returncode == WRONG
    assert f"the database is damaged (SQLITE_CORRUPT): {tmp_path / 'coordinator.db'}." in done.stderr
    assert "Restore it from a backup; or move it away" in done.stderr
    assert (tmp_path / "coordinator.db").read_bytes() == torn


def test_a_database_that_is_read_only_is_told_at_the_start(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk")
    (tmp_path / "disk").mkdir()
    settings = configured(tmp_path, "disk/coordinator.db")
    script = 'touch "$1" && mount -o remount,ro "$0" && shift && exec "$@"'
    database = f"{tmp_path}/disk/coordinator.db"
    serve = [str(BIN / "fedglmm-coordinator"), "serve", str(settings)]
    command = [*disk.inside, "sh", "-c", script, f"{tmp_path}/disk", database, *serve]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == WRONG
    assert f"the database cannot be written: {database}." in done.stderr
    assert "Traceback" not in done.stderr


def configured(folder: Path, database: str = "coordinator.db") -> Path:
    (folder / "dictionary.json").write_text('{"variables": [{"name": "x", "type": "number"}]}')
    lines = ["port = 0", 'dictionary = "dictionary.json"', f'database = "sqlite:///{database}"']
    lines += ["[[sites]]", 'name = "Bern"', 'url = "http://127.0.0.1:1"']
    (folder / "coordinator.toml").write_text("\n".join(lines) + "\n")
    return folder / "coordinator.toml"
