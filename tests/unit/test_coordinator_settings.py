"""coordinator.toml says what is wrong with it, by file and field, and never a key."""

import os
import socket
from pathlib import Path

import pytest
import structlog
import uvicorn
from typer.testing import CliRunner

from coordinator.app import create_app
from coordinator.cli import app
from coordinator.settings import Settings, load_settings
from coordinator.store import MemoryStore
from shared.errors import SettingsError
from tests.federation.people import entry

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
        (MINIMAL.replace("http://", "ftp://"), "site `Bern`, url: a site's url begins with http:// or https://"),
        (MINIMAL.replace("http://", ""), "site `Bern`, url: a site's url begins with http:// or https://"),
        (MINIMAL.replace("http://", "http://me:pass@"), "site `Bern`, url"),
        (MINIMAL + SITE.replace("Bern", "B/rn"), "site `B/rn`, name: a site's name begins with a letter or a digit"),
        (MINIMAL + SITE.replace("Bern", ""), "site 2 in the file's order, name"),
        (MINIMAL + SITE.replace("name", "nmae"), "site 2 in the file's order, nmae"),
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


def test_a_folder_stands_for_the_file_in_it(tmp_path: Path) -> None:
    written = load(tmp_path, MINIMAL)
    assert load_settings(tmp_path) == written


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "coordinator.example.org"])  # noqa: S104 -- that is the point
def test_listening_widely_needs_keys(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="keys_file"):
        load(tmp_path, f'host = "{host}"\n{MINIMAL}')
    assert load(tmp_path, f'host = "{host}"\nkeys_file = "keys"\n{MINIMAL}').host == host


OIDC = (
    '[oidc]\nissuer = "https://login.example.org"\naudience = "fedglmm"\njwks_url = "https://login.example.org/keys"\n'
)


def test_an_issuer_of_tokens_does_where_keys_are_needed(tmp_path: Path) -> None:
    settings = load(tmp_path, f'host = "0.0.0.0"\n{MINIMAL}{OIDC}')
    assert settings.oidc is not None
    assert settings.oidc.role_claim == "role"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('audience = "fedglmm"\n', "", "oidc.audience"),
        ('issuer = "https://login.example.org"', 'issuer = ""', "oidc.issuer"),
        ("jwks_url", "jwks", "oidc.jwks"),
        ('jwks_url = "https://login.example.org/keys"\n', "", "one of the two is needed"),
        ("jwks_url", 'jwks_file = "keys.json"\njwks_url', "one of the two is needed"),
        ('jwks_url = "https', 'jwks_url = "http', "a jwks_url begins with https://"),
        ('jwks_url = "https://', 'jwks_url = "https://me:pass@', "has neither blanks nor a user"),
    ],
)
def test_an_issuer_is_whole_and_its_keys_come_by_a_way_that_nobody_changes(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, MINIMAL + OIDC.replace(before, after))
    assert said in str(caught.value)
    assert "oidc" in caught.value.where


def test_an_issuer_on_this_machine_needs_no_tls(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL + OIDC.replace("https://login.example.org/keys", "http://127.0.0.1:9/keys")).oidc


def test_serve_says_what_is_wrong_and_ends_with_two(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["serve", str(tmp_path / "missing.toml")])
    assert (run.exit_code, run.stdout) == (2, "")
    assert "missing.toml: the file cannot be read: No such file or directory." in run.stderr
    assert "`fedglmm-coordinator init FOLDER` makes one" in run.stderr


def test_serve_says_where_the_dictionary_belongs(tmp_path: Path) -> None:
    load(tmp_path, f"port = 0\n{MINIMAL}")
    (tmp_path / "bern.key").write_text("short", encoding="utf-8")
    run = CliRunner().invoke(app, ["serve", str(tmp_path)])
    structlog.reset_defaults()
    assert run.exit_code == 2
    assert f"{tmp_path / 'dictionary.json'}: the dictionary cannot be read" in run.stderr
    assert "Copy the agreed dictionary there." in run.stderr


def test_serve_names_a_port_that_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        load(tmp_path, f"port = {port}\n{MINIMAL}")
        run = CliRunner().invoke(app, ["serve", str(tmp_path)])
    assert run.exit_code == 2
    assert f"host 127.0.0.1: port {port} is in use" in run.stderr
    assert f"set another `port` in {tmp_path / 'coordinator.toml'}" in run.stderr


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:9001"),  # noqa: S104 -- that is the point
        ("127.0.0.1", "https://bern.example.org"),
    ],
)
def test_a_sites_short_key_does_for_this_machine_only(tmp_path: Path, host: str, url: str) -> None:
    (tmp_path / "dictionary.json").write_text('{"variables": [{"name": "age", "type": "number"}]}', encoding="utf-8")
    for name, content in (("keys.toml", entry("anna", "run")), ("bern.key", "short")):
        (tmp_path / name).write_text(content, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    text = f'keys_file = "keys.toml"\n{MINIMAL}'
    create_app(load(tmp_path, text), store=MemoryStore())
    exposed = load(tmp_path, f'host = "{host}"\n{text}'.replace("http://127.0.0.1:9001", url))
    with pytest.raises(SettingsError, match="fewer than 16") as caught:
        create_app(exposed, store=MemoryStore())
    assert "bern.key" in caught.value.where


def test_the_database_is_for_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dictionary.json").write_text('{"variables": [{"name": "age", "type": "number"}]}', encoding="utf-8")
    (tmp_path / "bern.key").write_text("short", encoding="utf-8")
    load(tmp_path, f"port = 0\n{MINIMAL}")
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    before = os.umask(0o022)
    try:
        CliRunner().invoke(app, ["serve", str(tmp_path / "coordinator.toml")])
    finally:
        os.umask(before)
        structlog.reset_defaults()
    assert (tmp_path / "coordinator.db").stat().st_mode & 0o077 == 0


def test_a_crash_shows_no_local_variables() -> None:
    assert app.pretty_exceptions_enable is False
