"""A database's file has one store at a time: whoever comes second is told, and takes over once the first has let go."""

from contextlib import closing
from pathlib import Path

import pytest

from coordinator.sole_use import sole_use
from coordinator.sql_store import SqlStore
from shared.errors import SettingsError


def test_a_second_store_on_a_file_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    with closing(SqlStore(f"sqlite:///{tmp_path / 'a.db'}")):
        for name in ("a.db", "link.db"):
            with pytest.raises(SettingsError, match="another coordinator uses the database") as caught:
                SqlStore(f"sqlite:///{tmp_path / name}")
            assert caught.value.remedy == "Stop it first, or give this one a database of its own."
        SqlStore(f"sqlite:///{tmp_path / 'b.db'}").close()
    SqlStore(f"sqlite:///{tmp_path / 'a.db'}").close()


def test_a_store_that_could_not_be_opened_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise ImportError

    with monkeypatch.context() as patched:
        patched.setattr("coordinator.sql_store.METADATA.create_all", fails)
        with pytest.raises(SettingsError, match="cannot be opened"):
            SqlStore(f"sqlite:///{tmp_path / 'a.db'}")
    SqlStore(f"sqlite:///{tmp_path / 'a.db'}").close()


def test_databases_in_memory_are_each_one_of_their_own() -> None:
    with closing(SqlStore("sqlite://")), closing(SqlStore("sqlite://")):
        pass


def test_a_place_that_cannot_be_locked_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.db.lock").mkdir()
    with pytest.raises(SettingsError, match=r"cannot be locked \(Is a directory\)"), sole_use(tmp_path / "a.db"):
        pass
