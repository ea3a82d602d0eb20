"""`fedglmm-coordinator backup` copies a database that is in use, for its owner only, and overwrites nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.cli import app
from coordinator.records import Analysis
from coordinator.sql_store import SqlStore
from shared.request import AnalysisRequest
from tests.unit.smallest import SPECIFICATION

SETTINGS = 'dictionary = "dictionary.json"\n[[sites]]\nname = "Bern"\nurl = "http://127.0.0.1:9001"\n'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    kept = SqlStore(f"sqlite:///{tmp_path / 'coordinator.db'}")
    yield kept
    kept.close()


def new() -> Analysis:
    return Analysis.submitted(AnalysisRequest(formula="y ~ 1"), SPECIFICATION, None)


def backup(folder: Path, copy: str, settings: str = "") -> tuple[int, str]:
    (folder / "coordinator.toml").write_text(settings + SETTINGS, encoding="utf-8")
    done = CliRunner().invoke(app, ["backup", str(folder), str(folder / copy)])
    return done.exit_code, done.output


def test_a_backup_holds_what_is_stored_while_the_database_is_in_use_and_is_for_nobody_else(
    tmp_path: Path, store: SqlStore
) -> None:
    kept = [store.add(new(), SPECIFICATION), store.add(new(), SPECIFICATION)]
    code, said = backup(tmp_path, "backup.db")
    later = store.add(new(), SPECIFICATION)
    assert (code, said) == (0, f"Wrote {tmp_path / 'backup.db'}: 2 analyses.\n")
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("backup.db*")) == ["backup.db"]
    copy = SqlStore(f"sqlite:///{tmp_path / 'backup.db'}")
    try:
        assert copy.newest(limit=9) == kept[::-1]
    finally:
        copy.close()
    assert later in store.newest(limit=9)


def test_a_backup_overwrites_nothing(tmp_path: Path, store: SqlStore) -> None:
    store.add(new(), SPECIFICATION)
    (tmp_path / "mine").write_text("mine")
    code, said = backup(tmp_path, "mine")
    assert (code, (tmp_path / "mine").read_text()) == (2, "mine")
    assert "the file is there already. Give a new name" in said


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("postgresql://me:secret@db/a", "only SQLite files are backed up so, and this is postgresql"),
        ("sqlite:///nowhere.db", "there is no database"),
        ("sqlite:///other.db", "Is it a coordinator's database"),
        ("sqlite:///text.db", "Is it a coordinator's database"),
    ],
)
def test_what_is_no_coordinator_s_sqlite_file_is_refused_and_leaves_no_copy(
    tmp_path: Path, database: str, said: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE patients (id TEXT)")
    (tmp_path / "text.db").write_text("no database\n" * 100)
    code, output = backup(tmp_path, "backup.db", f'database = "{database}"\n')
    assert (code, said in output, "secret" in output) == (2, True, False), output
    assert not (tmp_path / "backup.db").exists()


def test_a_backup_whose_folder_is_not_there_is_told(tmp_path: Path, store: SqlStore) -> None:
    store.add(new(), SPECIFICATION)
    code, said = backup(tmp_path, "nowhere/backup.db")
    assert (code, "the file cannot be written" in said) == (2, True)
