"""coordinator.toml says what is wrong with it, by file and field, and never a key."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.cli import app
from coordinator.settings import Settings, load_dictionary, load_settings, read_key, read_keys
from shared.errors import DictionaryError, FedglmmError, SettingsError

SITE = '[[sites]]\nname = "Bern"\nurl = "http://127.0.0.1:9001"\nkey_file = "bern.key"\n'
MINIMAL = f'dictionary = "dictionary.json"\n{SITE}'


def load(folder: Path, text: str) -> Settings:
    path = folder / "coordinator.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, MINIMAL)
    assert settings.dictionary == tmp_path / "dictionary.json"
    assert settings.sites[0].key_file == tmp_path / "bern.key"
    assert settings.database == f"sqlite:///{tmp_path / 'coordinator.db'}"


def test_a_small_file_listens_on_loopback_only(tmp_path: Path) -> None:
    settings = load(tmp_path, MINIMAL)
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.round_deadline_seconds, settings.site_deadline_seconds) == (600, 30)


def test_other_databases_and_absolute_paths_are_left_alone(tmp_path: Path) -> None:
    url = "postgresql+psycopg://me:secret@db/fedglmm"
    settings = load(tmp_path, f'database = "{url}"\n{MINIMAL}')
    assert settings.database == url
    assert "secret" not in repr(settings)
    assert load(tmp_path, f'database = "sqlite:////var/a.db"\n{MINIMAL}').database == "sqlite:////var/a.db"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SITE, "dictionary"),
        ('dictionary = "d.json"\n', "sites"),
        (f'prot = "x"\n{MINIMAL}', "prot"),
        (f"port = 70000\n{MINIMAL}", "port"),
        (f'database = "coordinator.db"\n{MINIMAL}', "database"),
        (MINIMAL.replace("http://", "ftp://"), "sites.0.url"),
        (MINIMAL.replace("http://", "http://me:pass@"), "sites.0.url"),
        (MINIMAL + SITE.replace("9001", "9002"), "two sites have the same name"),
        (MINIMAL + SITE.replace("Bern", "Aarau"), "two sites have the same url"),
        ("= 1", "no TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert str(tmp_path / "coordinator.toml") in caught.value.where


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "coordinator.example.org"])  # noqa: S104 -- that is the point
def test_listening_widely_needs_keys(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="keys_file"):
        load(tmp_path, f'host = "{host}"\n{MINIMAL}')
    assert load(tmp_path, f'host = "{host}"\nkeys_file = "keys"\n{MINIMAL}').host == host


def test_keys_have_names_or_not_and_hide_themselves(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# analysts\nanna:first-key\n\nsecond-key\n", encoding="utf-8")
    keys = read_keys(path)
    assert [key.get_secret_value() for key in keys] == ["first-key", "second-key"]
    assert "first-key" not in repr(keys)


@pytest.mark.parametrize("text", ["", "# nothing\n", "anna:\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="keys"):
        read_keys(path)


def test_an_empty_or_missing_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.key").write_text("\n", encoding="utf-8")
    for name in ("empty.key", "missing.key"):
        with pytest.raises(SettingsError, match=name):
            read_key(tmp_path / name)


def test_a_dictionary_is_read_from_json_or_toml(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"variables": [{"name": "age", "type": "number"}]}', encoding="utf-8")
    (tmp_path / "d.toml").write_text('[[variables]]\nname = "age"\ntype = "number"\n', encoding="utf-8")
    assert load_dictionary(tmp_path / "d.json") == load_dictionary(tmp_path / "d.toml")


@pytest.mark.parametrize("name", ["d.json", "d.toml"])
def test_a_wrong_dictionary_is_named(tmp_path: Path, name: str) -> None:
    text = '{"variables": [{"name": "age"}]}' if name == "d.json" else '[[variables]]\nname = "age"\n'
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DictionaryError) as caught:
        load_dictionary(tmp_path / name)
    assert caught.value.where == str(tmp_path / name)
    with pytest.raises(FedglmmError, match="missing"):
        load_dictionary(tmp_path / "missing.json")


def test_serve_says_what_is_wrong_and_ends_with_two(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["serve", str(tmp_path / "missing.toml")])
    assert (run.exit_code, run.stdout) == (2, "")
    assert "missing.toml" in run.stderr


def test_serve_names_a_port_that_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        load(tmp_path, f"port = {port}\n{MINIMAL}")
        run = CliRunner().invoke(app, ["serve", str(tmp_path / "coordinator.toml")])
    assert run.exit_code == 2
    assert f"127.0.0.1:{port}" in run.stderr
