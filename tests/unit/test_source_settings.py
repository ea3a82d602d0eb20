"""The table [source] of a site.toml: a query with its password elsewhere, and not beside a file."""

from pathlib import Path

import pytest

from shared.errors import SettingsError
from site_node.settings import load_settings
from tests.unit.site_toml import site_toml

SOURCE = '[source]\nurl = "{url}"\nquery = "SELECT 1 AS x"\n{more}'


def with_source(folder: Path, url: str = "sqlite:///rows.db", more: str = "") -> Path:
    path = site_toml(folder, data="")
    path.write_text(path.read_text(encoding="utf-8") + SOURCE.format(url=url, more=more), encoding="utf-8")
    return path


def test_a_query_is_read_with_paths_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter22\n", encoding="utf-8")
    query = load_settings(with_source(tmp_path, more='password_file = "pw"')).rows()
    assert not isinstance(query, Path)
    assert (query.url.database, query.text) == (str(tmp_path / "rows.db"), "SELECT 1 AS x")
    assert query.password is not None
    assert query.password.get_secret_value() == "hunter22"
    assert "hunter22" not in repr(query)


def test_a_databases_password_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(with_source(tmp_path, more='password_env = "FEDGLMM_TEST_PASSWORD"'))
    with pytest.raises(
        SettingsError, match=r"password_env \(FEDGLMM_TEST_PASSWORD\): the environment variable is not set"
    ):
        settings.rows()
    monkeypatch.setenv("FEDGLMM_TEST_PASSWORD", "hunter22")
    query = settings.rows()
    assert not isinstance(query, Path)
    assert query.password is not None
    assert query.password.get_secret_value() == "hunter22"
    assert "hunter22" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "more", "says"),
    [
        ("postgresql://me:hunter22@db/a", "", "a password stands in a file of its own"),
        ("rows.db", "", "a database is a URL such as"),
        ("sqlite:///rows.db", 'password_file = "a"\npassword_env = "b"', "either in a file or in the environment"),
        ("sqlite:///rows.db", 'quer = "SELECT 1"', "there is no field `quer`"),
    ],
)
def test_a_wrong_source_is_told_without_a_password(tmp_path: Path, url: str, more: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        load_settings(with_source(tmp_path, url, more))
    assert caught.value.where.startswith(f"{tmp_path / 'site.toml'}: source")
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("data", ["", '"rows.csv"'])
def test_rows_are_either_in_a_file_or_in_a_database(tmp_path: Path, data: str) -> None:
    path = site_toml(tmp_path, data=data)
    if data:
        path.write_text(path.read_text() + SOURCE.format(url="sqlite:///rows.db", more=""), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert caught.value.where == f"{path}: data"
    assert "and not both" in caught.value.remedy
