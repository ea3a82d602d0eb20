"""`fedglmm-site split` makes a federation of one file with all of its rows, or leaves nothing behind."""

import shlex
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from coordinator.settings import settings_in
from shared.dictionary import read_dictionary
from shared.errors import FedglmmError, SettingsError
from site_node.cli import app
from site_node.data.split import split
from site_node.settings import load_settings
from tests.e2e.commands import DATA

ROOT = Path(__file__).parents[2]
BETABLOCKER = DATA / "betablocker.csv"
ARMS = "treatment=control,beta-blocker"


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


def test_the_coordinators_port_is_a_line_to_be_taken_in(tmp_path: Path) -> None:
    out = tmp_path / "fed"
    asked = ["split", str(BETABLOCKER), "--by", "trial", "--nodes", "2", "--out", str(out), "--first-port", "8101"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    file = out / "coordinator.toml"
    text = file.read_text(encoding="utf-8")
    assert settings_in(text, file).port == 8000
    assert settings_in(text.replace("# port = 8000", "port = 8123"), file).port == 8123


def test_the_rehearsal_of_the_readme_has_nothing_to_note(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = readme.split(".venv/bin/fedglmm rehearse ", 1)[1].split("\n\n", 1)[0].replace("\\\n", " ")
    data, *options = shlex.split(command)
    given = [part.replace("--site", "--by") for part in options[: options.index("--family") - 1]]
    done = CliRunner().invoke(app, ["split", str(ROOT / data), *given, "--out", str(tmp_path / "fed")])
    assert (done.exit_code, done.stderr) == (0, "")


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
