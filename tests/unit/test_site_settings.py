"""Claims about a site's folder: its settings, its dictionary, and the commands that write and check them."""

import json
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.dictionary import read_dictionary
from shared.errors import DictionaryError, SettingsError
from site_node import hosting
from site_node.cli import app
from site_node.data.inference import infer, write_dictionary
from site_node.folder import NewSite, write_site
from site_node.settings import load_settings
from tests.e2e.commands import DATA
from tests.unit.site_toml import site_toml


def test_settings_are_read_with_paths_relative_to_the_file_and_safe_defaults(tmp_path: Path) -> None:
    settings = load_settings(site_toml(tmp_path))
    assert settings.data == tmp_path / "data.csv"
    assert settings.ledger == tmp_path / "ledger.jsonl"
    assert (settings.policy, settings.host, settings.port) == ("default", "127.0.0.1", 0)
    assert settings.bearer_key() is None
    assert settings == load_settings(tmp_path), "a folder stands for its site.toml"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": '"a/../b"'}, "name"),
        ({"port": "70000"}, "port"),
        ({"policy": '"lenient"'}, "policy"),
        ({"prot": "1"}, "prot"),
        ({"host": '"0.0.0.0"'}, "key_file"),
        ({"host": '"hospital.example"'}, "key_file"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, changes: dict[str, str], field: str) -> None:
    path = site_toml(tmp_path, **changes)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert caught.value.where == f"{path}: {field}"
    assert caught.value.remedy


def test_a_file_that_is_not_there_or_no_toml_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        load_settings(tmp_path)
    (tmp_path / "site.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


def test_a_folder_of_sites_is_told_with_how_to_name_them(tmp_path: Path) -> None:
    site = tmp_path / "Bern"
    site.mkdir()
    site_toml(site)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    assert caught.value.where == str(tmp_path / "site.toml")
    assert caught.value.remedy == f"Name the folder of a site in {tmp_path}; to serve all of them, {tmp_path}/*/."


def test_secrets_come_from_files_and_do_not_show(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("open-sesame-2026\n", encoding="utf-8")
    settings = load_settings(
        site_toml(tmp_path, host='"0.0.0.0"', **dict.fromkeys(["key_file", "secret_file"], '"key"'))
    )
    key = settings.bearer_key()
    assert key is not None
    assert key.get_secret_value() == "open-sesame-2026"
    assert settings.fingerprint_secret().get_secret_value() == b"open-sesame-2026"
    assert "sesame" not in repr((key, settings.fingerprint_secret(), settings))
    (tmp_path / "key").write_text("\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="key_file"):
        settings.bearer_key()


def test_a_key_or_a_secret_that_is_missing_is_told_with_who_has_it_and_the_command_that_makes_it(
    tmp_path: Path,
) -> None:
    files = {"key_file": '"key"', "secret_file": '"my secret"'}
    settings = load_settings(site_toml(tmp_path, **files))
    with pytest.raises(SettingsError) as key:
        settings.bearer_key()
    assert key.value.where == f"key_file ({tmp_path / 'key'})"
    assert "the key there that the coordinator has for this site" in key.value.remedy
    with pytest.raises(SettingsError) as secret:
        settings.fingerprint_secret()
    assert secret.value.where == f"secret_file ({tmp_path / 'my secret'})"
    command = secret.value.remedy.split("`")[1]
    subprocess.run(["/bin/sh", "-c", command], check=True)
    assert len(settings.fingerprint_secret().get_secret_value()) == 64


def test_check_says_which_line_row_1_is_where_something_is_wrong_and_only_there(tmp_path: Path) -> None:
    write_site(tmp_path, NewSite(name="A", data="data.csv", dictionary="dictionary.json", policy="open"))
    (tmp_path / "data.csv").write_text("x,s\n1,a\n2,b\n")
    write_dictionary(infer(tmp_path / "data.csv").dictionary, tmp_path / "dictionary.json")
    assert "Row 1" not in CliRunner().invoke(app, ["check", str(tmp_path)]).stdout
    (tmp_path / "data.csv").write_text("x,s\n1,a\n?,b\n")
    assert "row N is line N + 1 of a CSV file" in CliRunner().invoke(app, ["check", str(tmp_path)]).stdout


def test_without_a_secret_file_every_process_has_a_secret_of_its_own(tmp_path: Path) -> None:
    settings = load_settings(site_toml(tmp_path))
    assert settings.fingerprint_secret() != settings.fingerprint_secret()


def test_an_inconsistent_or_missing_dictionary_is_named(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match="cannot be read"):
        read_dictionary(tmp_path / "dictionary.json")
    (tmp_path / "dictionary.json").write_text('{"variables": [{"name": "site", "type": "group"}]}', encoding="utf-8")
    with pytest.raises(DictionaryError, match="reserved") as caught:
        read_dictionary(tmp_path / "dictionary.json")
    assert caught.value.where == f"{tmp_path / 'dictionary.json'}: variables.0"


def test_a_written_site_can_be_read_whatever_its_name_and_keeps_its_secret_to_its_owner(tmp_path: Path) -> None:
    write_site(
        tmp_path, NewSite(name="St. Mary's (East)", data="rows '1'.csv", dictionary="../dictionary.json", policy="open")
    )
    settings = load_settings(tmp_path)
    assert (settings.name, settings.policy) == ("St. Mary's (East)", "open")
    assert settings.data == tmp_path / "rows '1'.csv"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="the file exists"):
        write_site(tmp_path, NewSite(name="B", data="data.csv", dictionary="dictionary.json"))


def test_a_proposed_dictionary_knows_numbers_factors_and_identifiers(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    rows = "".join(f"{k},{k / 4},{'ba'[k % 2]},p{k},,{k % 2}\n" for k in range(60))
    path.write_text("count,dose,arm,patient,empty,bad name\n" + rows, encoding="utf-8")
    proposal = infer(path, groups=("count",), levels={"arm": ("b", "a")})
    found = {variable.name: variable for variable in proposal.dictionary.variables}
    assert {name: variable.type for name, variable in found.items()} == {
        "count": "group",
        "dose": "number",
        "arm": "factor",
        "patient": "group",
    }
    assert found["arm"].coded_levels == ("b", "a")
    assert infer(path).dictionary["arm"].levels == ("a", "b")
    assert infer(path).dictionary["count"].type == "group"
    assert infer(path, numbers=["count"]).dictionary["count"].type == "integer"
    assert [note.split("`")[1] for note in proposal.notes] == ["empty", "bad name"]


def test_init_writes_the_port_and_else_says_to_set_one_and_where_the_dictionary_belongs(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("dead\n0\n", encoding="utf-8")
    command = ["init", "--data", str(tmp_path / "rows.csv"), "--name", "A"]
    without = CliRunner().invoke(app, [*command, str(tmp_path / "a")])
    assert load_settings(tmp_path / "a").port == 0
    assert "set a port" in without.stdout
    given = CliRunner().invoke(app, [*command, str(tmp_path / "b"), "--port", "8101"])
    assert load_settings(tmp_path / "b").port == 8101
    assert "set a port" not in given.stdout
    for done in (without, given):
        assert "must be the same file at every site and beside coordinator.toml: copy it there" in done.stdout
    assert CliRunner().invoke(app, [*command, str(tmp_path / "c"), "--port", "70000"]).exit_code == 2


def test_init_writes_where_a_site_listens_and_refuses_to_let_others_in_without_a_key(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("dead\n0\n", encoding="utf-8")
    command = ["init", "--data", str(tmp_path / "rows.csv"), "--name", "A", "--host", "0.0.0.0"]  # noqa: S104 -- that is the point
    done = CliRunner().invoke(app, [*command, str(tmp_path / "a"), "--key-file", "/run/secrets/site.key"])
    assert done.exit_code == 0, done.output
    settings = load_settings(tmp_path / "a")
    assert (settings.host, settings.key_file) == ("0.0.0.0", Path("/run/secrets/site.key"))  # noqa: S104 -- as above
    without = CliRunner().invoke(app, [*command, str(tmp_path / "b")])
    assert without.exit_code == 2
    assert "key_file" in without.stderr


def test_init_with_a_setting_that_is_wrong_writes_nothing_and_can_be_corrected(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("dead\n0\n", encoding="utf-8")
    command = ["init", "--data", str(tmp_path / "rows.csv"), str(tmp_path / "a"), "--name"]
    wrong = CliRunner().invoke(app, [*command, "a/../b"])
    assert (wrong.exit_code, "name" in wrong.stderr) == (2, True)
    assert not (tmp_path / "a").exists()
    assert CliRunner().invoke(app, [*command, "A"]).exit_code == 0


def test_levels_are_not_ignored_when_init_finds_a_dictionary(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("arm\n1\n2\n", encoding="utf-8")
    (tmp_path / "dictionary.json").write_text('{"variables": []}', encoding="utf-8")
    command = ["init", str(tmp_path), "--data", str(tmp_path / "rows.csv"), "--name", "A", "--levels", "arm=1,2"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert "there is a dictionary already" in done.stderr
    assert not (tmp_path / "site.toml").exists()


def test_check_shows_the_type_and_the_levels_of_each_variable_the_reference_first(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("arm,dead\n" + "a,0\nb,1\n" * 15, encoding="utf-8")
    command = ["init", str(tmp_path), "--data", str(tmp_path / "rows.csv"), "--name", "A", "--levels", "arm=b,a"]
    assert CliRunner().invoke(app, command).exit_code == 0
    shown = CliRunner().invoke(app, ["check", str(tmp_path)], env={"COLUMNS": "200"}).output
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    assert cells == [["arm", "factor", "b, a", "0", ""], ["dead", "integer", "", "0", ""]]


def test_init_then_check_says_what_would_be_refused(tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    data.write_text("arm,dead\n" + "a,0\nb,1\n" * 15 + "c,1\n", encoding="utf-8")
    folder = tmp_path / "site"
    folder.mkdir()
    runner = CliRunner()
    command = ["init", str(folder), "--data", str(data), "--name", "A", "--levels", "arm=a,b,c"]
    assert runner.invoke(app, command).exit_code == 0
    refused = runner.invoke(app, ["check", str(folder)])
    assert refused.exit_code == 1
    assert "rare_level (arm)" in refused.output
    data.write_text("arm,dead\n" + "a,0\nb,1\n" * 15, encoding="utf-8")
    assert runner.invoke(app, ["check", str(folder)]).exit_code == 0
    data.write_text("arm,dead\n" + "a,0\nb,1\nd,NA\n" * 15, encoding="utf-8")
    lacking = runner.invoke(app, ["check", str(folder)], env={"COLUMNS": "200"})
    assert lacking.exit_code == 1
    assert "The dictionary lacks: d." in lacking.output


def test_every_known_fault_is_told_in_words_with_exit_code_two(tmp_path: Path) -> None:
    runner = CliRunner()
    for command in (
        ["split", str(tmp_path / "no.csv"), "--by", "g", "--out", str(tmp_path / "fed")],
        [
            "split",
            str(DATA / "betablocker.csv"),
            "--by",
            "trial",
            "--out",
            str(tmp_path / "fed"),
            "--levels",
            "nonsense",
        ],
        ["check", str(tmp_path)],
        ["serve", str(tmp_path)],
    ):
        done = runner.invoke(app, command)
        assert done.exit_code == 2, command
        assert done.stderr
        assert "Traceback" not in done.output


def test_a_port_in_use_is_a_settings_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "dictionary.json").write_text(json.dumps({"variables": []}), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = load_settings(site_toml(tmp_path, port=str(taken.getsockname()[1])))
        with pytest.raises(SettingsError, match="is in use") as caught:
            hosting.run([settings])
    assert "set another port in site.toml" in caught.value.remedy
    with pytest.raises(SettingsError, match="two sites are called"):
        hosting.run([settings, settings])


@pytest.mark.parametrize(
    ("key", "said"), [("kurz", "fewer than 16"), ("schlüssel-von-bern", "ASCII"), ("bern:key", "colon")]
)
def test_a_key_that_cannot_be_used_beyond_loopback_is_refused_without_being_quoted(
    tmp_path: Path, key: str, said: str
) -> None:
    (tmp_path / "key").write_text(key, encoding="utf-8")
    settings = load_settings(site_toml(tmp_path, host='"0.0.0.0"', key_file='"key"'))
    with pytest.raises(SettingsError, match=said) as fault:
        settings.bearer_key()
    assert key not in str(fault.value)
