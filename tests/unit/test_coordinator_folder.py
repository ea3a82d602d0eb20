"""`fedglmm-coordinator init` writes what `serve` reads, and keys that nobody else can read."""

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.access.keys import caller_of, read_keys, today
from coordinator.access.roles import Caller, Role
from coordinator.cli import app
from coordinator.keys import read_key
from coordinator.settings import load_settings

BERN, AARAU = "St. Anna's (Bern)=https://bern.example:8443", "Aarau=http://10.0.0.7:8101"


def init(folder: Path, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["init", str(folder), *options])
    return done.exit_code, done.output


def test_init_writes_settings_that_can_be_read_and_a_key_for_each_party(tmp_path: Path) -> None:
    code, said = init(tmp_path / "c", "--site", BERN, "--site", AARAU, "--host", "0.0.0.0")  # noqa: S104 -- so that keys are needed
    assert code == 0, said
    settings = load_settings(tmp_path / "c" / "coordinator.toml")
    assert [(site.name, site.url) for site in settings.sites] == [tuple(site.split("=")) for site in (BERN, AARAU)]
    assert settings.dictionary == tmp_path / "c" / "dictionary.json"
    assert settings.database == f"sqlite:///{tmp_path / 'c' / 'coordinator.db'}"
    assert settings.keys_file == tmp_path / "c" / "keys" / "keys.toml"
    files = [site.key_file for site in settings.sites]
    assert [file.name for file in files if file] == ["St.-Anna-s-Bern.key", "Aarau.key"]
    keys = [read_key(file, exposed=True) for file in files if file]
    assert len({key.get_secret_value() for key in keys}) == 2
    assert not [key for key in keys if key.get_secret_value() in said]
    assert "keys/Aarau.key to Aarau" in said


def test_init_prints_the_first_administrators_key_once_and_keeps_its_hash_only(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["init", str(tmp_path / "c"), "--site", AARAU])
    key, file = done.stdout.removesuffix("\n"), tmp_path / "c" / "keys" / "keys.toml"
    assert caller_of(read_keys(file, exposed=True), key, today()) == Caller("administrator", Role.ADMINISTER)
    assert key not in done.stderr
    assert not [path for path in (tmp_path / "c").rglob("*") if path.is_file() and key in path.read_text()]
    assert file.stat().st_mode & 0o777 == 0o600


def test_init_keeps_a_keys_file_that_is_there_and_prints_no_key(tmp_path: Path) -> None:
    (tmp_path / "c" / "keys").mkdir(parents=True)
    (tmp_path / "c" / "keys" / "keys.toml").write_text("# ours\n")
    done = CliRunner().invoke(app, ["init", str(tmp_path / "c"), "--site", AARAU])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "is kept" in done.stderr
    assert (tmp_path / "c" / "keys" / "keys.toml").read_text() == "# ours\n"


def test_keys_that_are_there_are_kept_and_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "Aarau.key").write_text("the key that Aarau has made", encoding="ascii")
    options = ("--site", AARAU, "--keys", str(tmp_path / "keys"), "--database", "sqlite:////database/c.db")
    code, said = init(tmp_path / "c", *options)
    assert code == 0, said
    settings = load_settings(tmp_path / "c" / "coordinator.toml")
    assert settings.sites[0].key_file == tmp_path / "keys" / "Aarau.key"
    assert settings.sites[0].key_file.read_text(encoding="ascii") == "the key that Aarau has made"
    assert settings.database == "sqlite:////database/c.db"


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        (["Bern"], "site `Bern`, url"),
        (["Bern=ftp://bern.example"], "site `Bern=ftp://bern.example`, url"),
        (["=http://bern.example"], "site `=http://bern.example`, name"),
        ([AARAU, "aarau=http://10.0.0.8:8101"], "the same key file"),
        ([AARAU, "Basel=http://10.0.0.7:8101"], "the same url"),
    ],
)
def test_sites_that_are_none_or_cannot_be_told_apart_are_named_and_nothing_is_written(
    tmp_path: Path, sites: list[str], said: str
) -> None:
    code, output = init(tmp_path / "c", *(word for site in sites for word in ("--site", site)))
    assert code == 2
    assert said in output
    assert not (tmp_path / "c").exists()


def test_a_setting_that_is_wrong_is_named_nothing_is_written_and_it_can_be_corrected(tmp_path: Path) -> None:
    code, said = init(tmp_path / "c", "--site", AARAU, "--database", "nonsense")
    assert (code, "coordinator.toml: database" in said) == (2, True)
    assert not (tmp_path / "c").exists()
    assert init(tmp_path / "c", "--site", AARAU)[0] == 0


def test_a_coordinator_toml_is_not_overwritten(tmp_path: Path) -> None:
    init(tmp_path, "--site", AARAU)
    before = (tmp_path / "coordinator.toml").read_bytes()
    code, said = init(tmp_path, "--site", BERN)
    assert (code, (tmp_path / "coordinator.toml").read_bytes()) == (2, before)
    assert "the file exists" in said
    assert tomllib.loads(before.decode())["port"] == 8000
