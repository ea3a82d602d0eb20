"""docs/site-guide.md makes a running site: its commands are run as they stand, and it quotes what is really said."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.client.federation import serving
from shared.dictionary import read_dictionary
from tests.e2e.commands import BIN, DATA, run
from tests.postgresql import PASSWORD, cluster, needed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "site-guide.md").read_text(encoding="utf-8")
COMMANDS = [line.strip() for line in PAGE.splitlines() if line.startswith("    ")]
SERVE = COMMANDS.index("fedglmm-site serve bern")
DATABASE = next(k for k, command in enumerate(COMMANDS) if command.startswith("mkdir basel"))
PORT = "8111"


def in_shell(command: str, place: Path) -> str:
    """What a command says; it has to end well."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", command],
        cwd=place, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the reader of the page stands: in a checkout."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    yield tmp_path
    (tmp_path / "tests").unlink()


def test_the_commands_of_the_page_make_a_site_that_answers(place: Path) -> None:
    for command in COMMANDS[:SERVE]:
        # any free port in the place of the page's
        in_shell(command.replace(f"--port {PORT}", "--port 0"), place)
    assert read_dictionary(place / "bern" / "dictionary.json")["livch"].coded_levels == ("0", "1", "2", "3+")
    found = json.loads((place / "found.json").read_text(encoding="utf-8"))
    assert (found["site"], found["rows"], found["sound"]) == ("Bern", 1934, True)
    assert '\napproval = "person"' in (place / "bern" / "site.toml").read_text(encoding="utf-8")
    kept = {path.name for path in (place / "bern").iterdir()}
    files = PAGE.split("\n| file |", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"^\| `([\w.]+)` \|", files, re.MULTILINE)) <= kept
    with serving([str(BIN / "fedglmm-site"), "serve", str(place / "bern")], place / "announced.json") as announced:
        url = announced["sites"]["Bern"]
        health, about, *rest = COMMANDS[SERVE + 1 : DATABASE]
        assert json.loads(in_shell(health.replace(f"http://127.0.0.1:{PORT}", url), place)) == {"status": "ok"}
        assert json.loads(in_shell(about.replace(f"http://127.0.0.1:{PORT}", url), place))["site"] == "Bern"
        for command in rest:
            in_shell(command, place)


@needed
def test_the_commands_about_a_database_make_a_site_of_its_rows(place: Path) -> None:
    mkdir, init, check = COMMANDS[DATABASE:]
    with cluster() as server:
        rows = [line.replace('"', "'").split(",") for line in (DATA / "contraception.csv").read_text().splitlines()[1:]]
        values = ", ".join(f"({row[1]}::int, {row[2]}, {row[4]}, {row[5]})" for row in rows)
        server.run("CREATE DATABASE registry", f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
        server.run(
            "CREATE TABLE women (district int, use text, age double precision, urban text)",
            f"INSERT INTO women VALUES {values}",  # noqa: S608 -- a test's own
            "GRANT SELECT ON women TO reader",
            database="registry",
        )
        in_shell(mkdir, place)
        (place / "basel" / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
        said = in_shell(init.replace(":5432/", f":{server.port}/"), place) + in_shell(check, place)
    assert "Nothing was found that would be refused." in said
    assert PASSWORD not in said
    known = read_dictionary(place / "basel" / "dictionary.json")
    assert {variable.name: variable.type for variable in known.variables} == {
        "use": "factor",
        "age": "number",
        "urban": "factor",
    }


FILES = {
    "was saved in Windows' encoding": "s,x\na,1\nmüde,2\n".encode("cp1252"),
    "is separated by semicolons": b"x;s\n1,5;a\n",
    "has decimal commas, in quotes": b'x,s\n"1,5",a\n"2,5",a\n"3,5",a\n',
    "has decimal commas, without quotes": b"x,s\n1,5,a\n",
    "has a line that is cut off": b"x,s\n1,a\n2\n",
    "has words among its numbers": b"x,s\n" + b"1,a\n" * 19 + b"none,a\n",
    "has two columns of one name": b"x,x\n1,2\n",
    "has no line of names": b"17,1951\n17,1952\n",
    "is a spreadsheet": b"PK\x03\x04" + b"\0" * 99,
}
ROWS = {
    cells[0].strip(): cells[1].strip().strip("`")
    for line in PAGE.split("\n| the file |", 1)[1].splitlines()
    if len(cells := line.strip("|").split(" | ")) == 3
}


def test_the_page_has_a_file_for_every_row() -> None:
    assert set(ROWS) - {"what is said"} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_what_the_page_says_of_a_file_is_what_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "rows.csv").write_bytes(FILES[name])
    done = run("fedglmm-site", "init", str(tmp_path / "site"), "--name", "A", "--data", str(tmp_path / "rows.csv"))
    assert done.returncode == 2
    assert ROWS[name] in " ".join(done.stderr.split())
