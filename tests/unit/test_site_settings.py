"""Claims about a site's folder: its settings, its dictionary, and the commands that write and check them."""

import json
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import structlog
from typer.testing import CliRunner

from shared.dictionary import read_dictionary
from shared.errors import DictionaryError, FedglmmError, SettingsError
from site_node import hosting
from site_node.cli import app
from site_node.data.inference import infer, write_dictionary
from site_node.data.split import split
from site_node.folder import write_site
from site_node.settings import load_settings

BETABLOCKER = Path(__file__).parents[1] / "reference" / "data" / "betablocker.csv"
ARMS = "treatment=control,beta-blocker"


@pytest.fixture
def own_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def site_toml(folder: Path, **changes: str) -> Path:
    written = {"name": '"A"', "data": '"data.csv"', "dictionary": '"dictionary.json"'} | changes
    path = folder / "site.toml"
    path.write_text("".join(f"{name} = {value}\n" for name, value in written.items() if value), encoding="utf-8")
    return path


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
    write_site(tmp_path, name="A", data="data.csv", dictionary="dictionary.json", policy="open")
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
    write_site(tmp_path, name="St. Mary's (East)", data="rows '1'.csv", dictionary="../dictionary.json", policy="open")
    settings = load_settings(tmp_path)
    assert (settings.name, settings.policy) == ("St. Mary's (East)", "open")
    assert settings.data == tmp_path / "rows '1'.csv"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="the file exists"):
        write_site(tmp_path, name="B", data="data.csv", dictionary="dictionary.json")


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


def test_splitting_the_betablocker_trials_makes_23_sites_with_all_rows(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["split", str(BETABLOCKER), "--by", "trial", "--out", str(tmp_path / "fed"), "--levels", ARMS]
    )
    assert done.exit_code == 0, done.output
    folders = [path for path in (tmp_path / "fed").iterdir() if path.is_dir()]
    assert len(folders) == 23
    dictionary = read_dictionary(tmp_path / "fed" / "dictionary.json")
    assert {v.name: (v.type, v.coded_levels) for v in dictionary.variables} == {
        "trial": ("group", ()),
        "treatment": ("factor", ("control", "beta-blocker")),
        "death": ("integer", ()),
    }
    lines = [line for folder in folders for line in (folder / "data.csv").read_text().splitlines()[1:]]
    assert sorted(lines) == sorted(BETABLOCKER.read_text().splitlines()[1:])
    assert load_settings(tmp_path / "fed" / "BHAT-TM").name == "BHAT TM"


def test_values_are_split_as_they_stand_also_from_parquet(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text('g,x,t\n2,0.10,"a, b"\n10,1e-3,NA\n2,18.440000000000001,\n', encoding="utf-8")
    federation = split(tmp_path / "data.csv", "g", tmp_path / "fed")
    assert [share.name for share in federation.shares] == ["2", "10"], "numbers are in the order of numbers"
    assert (tmp_path / "fed/2/data.csv").read_text() == 'g,x,t\n2,0.10,"a, b"\n2,18.440000000000001,\n'
    duckdb.sql(f"COPY (SELECT 0.1::DOUBLE + 0.2 AS x, 'u' AS g) TO '{tmp_path}/d.parquet' (FORMAT parquet)")
    split(tmp_path / "d.parquet", "g", tmp_path / "fed2")
    assert duckdb.read_parquet(str(tmp_path / "fed2/u/data.parquet")).project("x").fetchall() == [(0.1 + 0.2,)]


def test_a_value_that_can_be_no_sites_name_is_told_with_what_a_name_may_hold_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("g,x\nBern,1\nZ\u00fcrich,2\nbern,3\n", encoding="utf-8")
    (note,) = [note for note in split(path, "g", tmp_path / "fed").notes if "called" in note]
    assert "`Z-rich`" in note
    assert "`bern-2`" in note
    assert "begins with a letter or a digit" in note
    assert "change the values in the file" in note
    assert "`Bern`" not in note


def test_nodes_are_dealt_the_values_in_turn(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("g,x\n" + "".join(f"{k},1\n" for k in (10, 9, 1, 2, 3)), encoding="utf-8")
    shares = split(tmp_path / "data.csv", "g", tmp_path / "fed", nodes=2).shares
    assert [(share.name, share.values) for share in shares] == [
        ("node-1", ("1", "3", "10")),
        ("node-2", ("2", "9")),
    ]


def test_a_site_column_is_dropped_when_it_makes_the_sites_and_refused_for_nodes(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("site,x\na,1\nA,2\nÉ,3\n", encoding="utf-8")
    federation = split(path, "site", tmp_path / "fed")
    assert [variable.name for variable in federation.dictionary.variables] == ["x"]
    assert len({share.name.lower() for share in federation.shares}) == 3
    assert len({share.folder.lower() for share in federation.shares}) == 3
    with pytest.raises(SettingsError, match="reserved"):
        split(path, "site", tmp_path / "fed2", nodes=2)


@pytest.mark.parametrize(
    ("content", "says"), [("g,x\na,1\n,2\n", "1 rows have no value"), ("h,x\na,1\n", "there is no column `g`")]
)
def test_a_file_that_cannot_be_split_leaves_nothing_behind(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "data.csv").write_text(content, encoding="utf-8")
    with pytest.raises(FedglmmError, match=says):
        split(tmp_path / "data.csv", "g", tmp_path / "fed")
    assert not (tmp_path / "fed").exists()


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
        ["split", str(BETABLOCKER), "--by", "trial", "--out", str(tmp_path / "fed"), "--levels", "nonsense"],
        ["check", str(tmp_path)],
        ["serve", str(tmp_path)],
    ):
        done = runner.invoke(app, command)
        assert done.exit_code == 2, command
        assert done.stderr
        assert "Traceback" not in done.output


@pytest.mark.usefixtures("own_logs")
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
def test_a_key_that_cannot_be_used_beyond_loopback_is_refused_without_being_quoted(tmp_path, key, said) -> None:
    (tmp_path / "key").write_text(key, encoding="utf-8")
    settings = load_settings(site_toml(tmp_path, host='"0.0.0.0"', key_file='"key"'))
    with pytest.raises(SettingsError, match=said) as fault:
        settings.bearer_key()
    assert key not in str(fault.value)


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
