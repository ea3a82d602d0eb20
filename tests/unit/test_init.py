"""A new site is made of at most eight answers, each of which can be an option."""

import json
import os
import pty
import select
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.dictionary import read_dictionary
from shared.errors import SettingsError
from site_node.cli import app
from site_node.questions import Answers, ask_of_rows, ask_of_site
from site_node.settings import load_settings

SECONDS = 60
EVERYWHERE = "0.0.0.0"  # noqa: S104 -- nothing listens in these tests
ROWS = "arm,dead,age\n" + "".join(f"{'ab'[k % 2]},{k % 3 % 2},{40 + k % 5}.5\n" for k in range(40))


class Person:
    """Answers from a list, and remembers what was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str, default: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0) or default


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["init", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout + done.stderr


def rows(folder: Path) -> Path:
    path = folder / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def database(folder: Path) -> str:
    file = folder / "rows.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE trial (arm, dead, age)")
        lines = [line.split(",") for line in ROWS.splitlines()[1:]]
        connection.executemany(
            "INSERT INTO trial VALUES (?, ?, ?)", [(arm, int(dead), float(age)) for arm, dead, age in lines]
        )
    connection.close()
    return f"sqlite:///{file}"


def test_of_a_database_beyond_this_machine_eight_questions_are_asked_and_no_more() -> None:
    person = Person(
        "Bern", "postgresql+psycopg://reader@db/registry", "SELECT 1", "pw", "patient", EVERYWHERE, "8101", ""
    )
    answers = ask_of_site(ask_of_rows(Answers(), person), ["patient", "x"], person)
    assert len(person.asked) == 8
    assert answers == Answers(
        name="Bern", database="postgresql+psycopg://reader@db/registry", query="SELECT 1", password_file="pw",  # noqa: S106 -- its name
        privacy_unit="patient", host=EVERYWHERE, port=8101, key_file="key",
    )  # fmt: skip
    assert "patient, x" in person.asked[4]


def test_of_a_file_on_this_machine_five_questions_are_asked() -> None:
    person = Person("Bern", "rows.csv", "", "", "")
    answers = ask_of_site(ask_of_rows(Answers(), person), ["x"], person)
    assert answers == Answers(name="Bern", data=Path("rows.csv"), host="127.0.0.1", port=0)
    assert person.answers == []


def test_what_was_given_is_not_asked() -> None:
    known = Answers("Bern", Path("rows.csv"), privacy_unit="p", host="127.0.0.1", port=1)
    person = Person()
    assert ask_of_site(ask_of_rows(known, person), ["p"], person) == known


@pytest.mark.parametrize("answer", ["http", "70000", "-1", "²"])
def test_a_port_that_is_none_is_told(answer: str) -> None:
    with pytest.raises(SettingsError, match="a port is a number from 0 to 65535"):
        ask_of_site(Answers("Bern", Path("rows.csv"), host="127.0.0.1"), [], Person(answer))


def test_without_a_terminal_nothing_is_asked_and_the_options_are_named(tmp_path: Path) -> None:
    code, said = run(tmp_path / "site", "--name", "Bern")
    assert code == 2
    assert "--name, --data: a site needs a name and rows, and nobody is there to be asked." in said
    assert not (tmp_path / "site").exists()


def answered(command: Sequence[str], answers: Sequence[str]) -> str:
    """What a command says in a terminal in which somebody types each answer when it is asked for."""
    ours, its = pty.openpty()
    program = [sys.executable, "-c", "from site_node.cli import app; app()", *command]
    with subprocess.Popen(program, stdin=its, stdout=its, stderr=its, start_new_session=True) as process:
        os.close(its)
        said, waiting = b"", list(answers)
        while select.select([ours], [], [], SECONDS)[0]:
            try:
                said += os.read(ours, 1 << 16)
            except OSError:  # the terminal is closed once the command has ended
                break
            if waiting and said.endswith(b": "):
                os.write(ours, waiting.pop(0).encode() + b"\n")
        os.close(ours)
        assert process.wait(SECONDS) == 0, said.decode()
    assert waiting == []
    return said.decode()


def test_in_a_terminal_a_site_is_made_of_five_answers(tmp_path: Path) -> None:
    said = answered(["init", str(tmp_path / "site")], ["Bern", str(rows(tmp_path)), "", "", ""])
    assert "Of: arm, dead, age." in " ".join(said.split())
    settings = load_settings(tmp_path / "site")
    assert (settings.name, settings.host, settings.port) == ("Bern", "127.0.0.1", 0)
    assert [variable.name for variable in read_dictionary(settings.dictionary).variables] == ["arm", "dead", "age"]


def test_every_answer_can_be_an_option_also_of_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDGLMM_TEST_PASSWORD", "hunter22")
    code, said = run(
        tmp_path / "site", "--name", "Bern", "--database", database(tmp_path),
        "--query", 'SELECT arm, dead, age AS "age" FROM trial',
        "--password-env", "FEDGLMM_TEST_PASSWORD", "--host", EVERYWHERE, "--port", 8101, "--key-file", "key",
    )  # fmt: skip
    assert code == 0, said
    written = (tmp_path / "site" / "site.toml").read_text(encoding="utf-8")
    settings = load_settings(tmp_path / "site")
    assert settings.source is not None
    assert settings.source.query == 'SELECT arm, dead, age AS "age" FROM trial'
    assert (settings.data, settings.port) == (None, 8101)
    assert "hunter22" not in written + said
    dictionary = json.loads((tmp_path / "site" / "dictionary.json").read_text(encoding="utf-8"))
    assert dictionary["variables"] == [
        {"name": "arm", "type": "factor", "levels": ["a", "b"]},
        {"name": "dead", "type": "integer", "range": [0, 1]},
        {"name": "age", "type": "number", "unit": "", "range": [40, 45]},
    ]


def test_a_relative_database_is_that_of_where_init_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database(tmp_path)
    monkeypatch.chdir(tmp_path)
    command = ["--name", "Bern", "--database", "sqlite:///rows.db", "--query", "SELECT * FROM trial"]
    assert run(tmp_path / "deep" / "site", *command)[0] == 0
    source = load_settings(tmp_path / "deep" / "site").source
    assert source is not None
    assert source.url == f"sqlite:///{tmp_path / 'rows.db'}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--database", "sqlite:///none.db", "--query", "SELECT 1 AS x"], "there is no such database."),
        (["--database", "sqlite:///none.db", "--query", "DROP TABLE x"], "the query has to be a SELECT"),
        (
            ["--database", "postgresql://me:hunter22@db/a", "--query", "SELECT 1"],
            "a password stands in a file of its own",
        ),
        (["--data", "none.csv"], "there is no such file."),
        (["--data", "none.csv", "--database", "sqlite:///x.db"], "either in a file or in a database."),
    ],
)
def test_what_cannot_be_read_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run("site", "--name", "Bern", *options)
    assert code == 2
    assert says in said
    assert "hunter22" not in said
    assert not (tmp_path / "site").exists()


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "basel").touch()
    code, told = run(tmp_path / "basel", "--data", rows(tmp_path), "--name", "Basel")
    assert (code, "basel: the folder cannot be made: File exists." in told) == (2, True)


def test_the_proposal_says_that_others_will_read_it_and_every_setting_is_commented(tmp_path: Path) -> None:
    code, said = run(tmp_path / "site", "--name", "Bern", "--data", rows(tmp_path), "--privacy-unit", "arm")
    assert code == 0, said
    assert "The others will read it, so read it first" in said
    assert read_dictionary(tmp_path / "site" / "dictionary.json").privacy_unit == "arm"
    written = (tmp_path / "site" / "site.toml").read_text(encoding="utf-8")
    settings = tomllib.loads(written)
    for name in settings:
        before = written.split(f"\n{name} = ")[0].splitlines()
        above = [line for line in before[-3:] if line]
        assert any(line.startswith("#") for line in above), f"{name} has no comment"


def test_a_privacy_unit_and_a_dictionary_that_is_there_contradict_each_other(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "dictionary.json").write_text('{"variables": []}', encoding="utf-8")
    code, said = run(tmp_path / "site", "--name", "Bern", "--data", rows(tmp_path), "--privacy-unit", "arm")
    assert code == 2
    assert "there is a dictionary already" in said
