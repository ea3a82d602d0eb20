"""A database that cannot be the coordinator's is told at the start with its file and a remedy, and nothing in it is changed."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.database_faults import BROKEN
from coordinator.records import Analysis
from coordinator.sql_store import SqlStore
from shared.errors import SettingsError, StoreError
from shared.request import AnalysisRequest
from tests.unit.smallest import SPECIFICATION

PAGE = 4096


def stored(folder: Path) -> Path:
    """A database with some analyses, closed as it should be."""
    store = SqlStore(f"sqlite:///{folder / 'a.db'}")
    for number in range(50):
        store.add(Analysis.submitted(AnalysisRequest(formula="y ~ 1", title=str(number)), SPECIFICATION), SPECIFICATION)
    store.close()
    return folder / "a.db"


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: 5 * PAGE])


def truncated_inside_a_page(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: 5 * PAGE + 100])


def overwritten(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: 4 * PAGE] + b"\xa5" * PAGE + content[5 * PAGE :])


def overwritten_at_the_beginning(file: Path) -> None:
    file.write_bytes(b"\xa5" * PAGE + file.read_bytes()[PAGE:])


def a_text(file: Path) -> None:
    file.write_text("patient,age\n1,50\n")


def another_program_s(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE photographs (name TEXT)")


def another_version_s(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("ALTER TABLE rounds DROP COLUMN summed")


FAULTS: dict[Callable[[Path], None], str] = {
    truncated: "is damaged",
    truncated_inside_a_page: "is damaged",
    overwritten: "is damaged",
    overwritten_at_the_beginning: "is no SQLite database",
    a_text: "is no SQLite database",
    another_program_s: "belongs to another program",
    another_version_s: "was made by another version: table rounds lacks summed",
}


@pytest.mark.parametrize(("spoil", "said"), FAULTS.items(), ids=[spoil.__name__ for spoil in FAULTS])
def test_a_file_that_is_torn_or_somebody_else_s_is_named_with_the_remedy_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    file = stored(tmp_path)
    spoil(file)
    before = file.read_bytes()
    with pytest.raises(SettingsError) as caught:
        SqlStore(f"sqlite:///{file}")
    assert said in caught.value.message
    assert str(file) in caught.value.message
    assert "backup" in caught.value.remedy or "another file" in caught.value.remedy
    assert file.read_bytes() == before
    assert not list(tmp_path.glob("a.db-wal"))


def test_every_page_that_is_overwritten_is_noticed_or_held_nothing(tmp_path: Path) -> None:
    whole = stored(tmp_path).read_bytes()
    noticed = 0
    for page in range(len(whole) // PAGE):
        file = tmp_path / f"{page}.db"
        file.write_bytes(whole[: page * PAGE] + b"\xa5" * PAGE + whole[(page + 1) * PAGE :])
        try:
            store = SqlStore(f"sqlite:///{file}")
        except SettingsError:
            noticed += 1
        else:
            assert [one.request.title for one in store.newest(limit=100)] == [
                str(number) for number in reversed(range(50))
            ]
            store.close()
    assert noticed >= len(whole) // PAGE // 2


@pytest.mark.parametrize(
    ("place", "said", "remedy"),
    [("nowhere/a.db", "folder does not exist", "Make the folder"), ("folder", "is no file", "Correct `database`")],
)
def test_a_place_that_is_none_is_named_and_nothing_is_made_there(
    tmp_path: Path, place: str, said: str, remedy: str
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match=said) as caught:
        SqlStore(f"sqlite:///{tmp_path / place}")
    assert remedy in caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_empty_file_and_one_whose_first_start_was_killed_between_two_tables_are_taken(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    SqlStore(f"sqlite:///{tmp_path / 'empty.db'}").close()
    file = stored(tmp_path)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE accepted")
    store = SqlStore(f"sqlite:///{file}")
    assert len(store.newest(limit=100)) == 50
    assert store.accepted(store.unfinished()[0]) == {}
    store.close()


@pytest.mark.parametrize(
    ("damage", "read"),
    [
        ("UPDATE analyses SET specification = '{'", lambda store, known: store.specification(known)),
        ("UPDATE analyses SET state = 'resting'", lambda store, _: store.newest(limit=5)),
        ("UPDATE analyses SET start = '[]'", lambda store, known: store.start(known)),
    ],
)
def test_a_cell_that_was_overwritten_is_a_fault_of_the_database_that_does_not_pass(
    tmp_path: Path, damage: str, read: Callable[[SqlStore, str], object]
) -> None:
    file = stored(tmp_path)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(damage)
        connection.commit()
    store = SqlStore(f"sqlite:///{file}")
    known = store.unfinished()[0]
    with pytest.raises(StoreError, match="is not what was stored") as caught:
        read(store, known)
    assert (caught.value.code, caught.value.__suppress_context__) == (BROKEN, True)
    assert "backup" in caught.value.remedy
    store.close()


def test_a_database_that_was_not_closed_is_taken_with_its_log(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'a.db'}")
    analysis = store.add(Analysis.submitted(AnalysisRequest(formula="y ~ 1"), SPECIFICATION), SPECIFICATION)
    (tmp_path / "copy").mkdir()
    for name in ("a.db", "a.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / "copy")
    store.close()
    again = SqlStore(f"sqlite:///{tmp_path / 'copy' / 'a.db'}")
    assert again.unfinished() == [analysis.id]
    again.close()
