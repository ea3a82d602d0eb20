"""Keys are read from files that hold nothing else, and are long and private where it matters."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from coordinator.keys import read_key
from shared import keys as rules
from shared.errors import SettingsError
from shared.keys import make_secret

LONG = "0123456789abcdef"


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_an_empty_or_missing_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.key").write_text("\n", encoding="utf-8")
    for name in ("empty.key", "missing.key"):
        with pytest.raises(SettingsError, match=name):
            read_key(tmp_path / name)


@pytest.mark.parametrize("key", ["schlüssel", "two words", "tab\tbed", "bell\x07", "zero\u200bwidth"])
def test_a_key_is_printable_ascii_without_blanks(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match="printable ASCII") as caught:
        read_key(key_file(tmp_path, key))
    assert key not in str(caught.value)


def test_a_name_before_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="colon") as caught:
        read_key(key_file(tmp_path, "anna:secret"))
    assert "secret" not in str(caught.value)


def test_a_short_key_is_refused_where_other_machines_can_try_it(tmp_path: Path) -> None:
    path = key_file(tmp_path, LONG[:-1])
    assert read_key(path)
    with pytest.raises(SettingsError, match="fewer than 16"):
        read_key(path, exposed=True)
    assert read_key(key_file(tmp_path, LONG), exposed=True).get_secret_value() == LONG


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_file_that_others_can_read_is_a_warning_and_beyond_loopback_an_error(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, LONG, mode)
    with capture_logs() as log:
        assert read_key(path).get_secret_value() == LONG
    assert [(entry["event"], entry["log_level"]) for entry in log] == [("key_file_readable_by_others", "warning")]
    assert LONG not in str(log)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_key(path, exposed=True)


def test_a_private_key_file_is_no_warning(tmp_path: Path) -> None:
    with capture_logs() as log:
        read_key(key_file(tmp_path, LONG))
    assert log == []


@pytest.mark.parametrize(
    ("mounted_at", "flag", "accepted"),
    [("secrets", os.ST_RDONLY, True), ("secrets", 0, False), ("other", os.ST_RDONLY, False)],
)
@pytest.mark.parametrize("linked", [False, True])
def test_a_key_that_others_can_read_does_where_an_engine_mounts_secrets_read_only_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, mounted_at: str, flag: int, accepted: bool, linked: bool
) -> None:
    (tmp_path / mounted_at).mkdir()
    path = key_file(tmp_path / mounted_at, LONG, 0o444)
    if linked:  # Kubernetes mounts a link to a link
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    monkeypatch.setattr(rules, "MOUNTED", tmp_path / "secrets")
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flag))
    if accepted:
        with capture_logs() as log:
            assert read_key(path, exposed=True).get_secret_value() == LONG
        assert log == []
    else:
        with pytest.raises(SettingsError, match="chmod 600"):
            read_key(path, exposed=True)


def test_a_secret_that_is_made_is_a_key_for_its_owner_only_and_one_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "new.key"
    make_secret(path)
    made = read_key(path, exposed=True).get_secret_value()
    assert path.stat().st_mode & 0o777 == 0o600
    make_secret(path)
    assert read_key(path).get_secret_value() == made
    make_secret(tmp_path / "another.key")
    assert read_key(tmp_path / "another.key").get_secret_value() != made
