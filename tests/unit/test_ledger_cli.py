"""Claims about the commands that read a site's ledger."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from site_node.cli import app
from site_node.folder import NewSite, write_site
from site_node.release.chain import read_chain
from site_node.release.entry import Entry, Left, Note, sealed
from site_node.release.ledger import Ledger
from site_node.settings import load_settings

FIRST = Note(
    event="prepared",
    analysis="first",
    specification="5" * 64,
    title="[red]Deaths[/red]",
    formula="dead ~ arm:man:age",
    roster=("A", "B"),
    left=Left(message="Accepted", numbers=3, bytes=200, sha256="1" * 64),
)
ROUND = FIRST.model_copy(
    update={
        "event": "round",
        "round": 1,
        "left": Left(message="EvaluateReply", numbers=10, bytes=245, sha256="2" * 64),
    }
)
REFUSED = Note(
    event="refused",
    analysis="second",
    specification="6" * 64,
    formula="dead ~ x",
    roster=("A",),
    code="rare_level",
    rule="G5",
    left=Left(message="Problem", numbers=0, bytes=245, sha256="3" * 64),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site with a ledger of four entries."""
    write_site(tmp_path, NewSite(name="A", data="data.csv", dictionary="dictionary.json"))
    ledger = Ledger(tmp_path / "ledger.jsonl", lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))
    for note in (FIRST, ROUND, ROUND, REFUSED):
        ledger.enter(note)
    return tmp_path


def run(*words: object, columns: int = 300) -> Result:
    done = CliRunner().invoke(app, ["ledger", *map(str, words)], env={"COLUMNS": str(columns)})
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done


def change(folder: Path, old: bytes, new: bytes) -> None:
    path = folder / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(old, new))


def test_show_prints_by_analysis_what_left_and_when_and_which_of_it_again(folder: Path) -> None:
    lines = [" ".join(line.split()) for line in run("show", folder).stdout.splitlines()]
    head, time = "time (UTC) event round what left numbers bytes", "2026-03-01 12:00:00"
    assert [line for line in lines if line.strip("─ ")] == [
        "Analysis first. [red]Deaths[/red]: dead ~ arm:man:age",
        "Specification 555555555555..., sites A, B",
        head,
        f"1 {time} prepared Accepted 3 200",
        f"2 {time} round 1 EvaluateReply 10 245",
        f"3 {time} round (again) 1 EvaluateReply 10 245",
        "Analysis second. dead ~ x",
        "Specification 666666666666..., sites A",
        head,
        f"4 {time} refused Problem: G5 rare_level 0 245",
    ]
    only = run("show", folder, "--analysis", "second").stdout
    assert "rare_level" in only
    assert "first" not in only


def test_a_ledger_of_which_nothing_is_shown_says_so(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert run("show", folder, "--analysis", "third").stdout == "Nothing has left for an analysis third.\n"
    fresh = tmp_path_factory.mktemp("fresh")
    write_site(fresh, NewSite(name="B", data="data.csv", dictionary="dictionary.json"))
    (fresh / "ledger.jsonl").touch()
    assert run("show", fresh).stdout == "Nothing has left.\n"


def test_nothing_of_an_entry_is_left_out_on_a_narrow_terminal(folder: Path) -> None:
    shown = run("show", folder, columns=80).stdout
    assert "…" not in shown
    assert shown.count("EvaluateReply") == 2
    assert "rare_level" in shown


def test_verify_prints_a_head_and_finds_it_again_after_more_entries(folder: Path) -> None:
    done = run("verify", folder)
    assert done.exit_code == 0
    said, head = done.stdout.splitlines()
    assert said.startswith("4 entries, each as it was written.")
    assert head == read_chain((folder / "ledger.jsonl").read_bytes()).head
    Ledger(folder / "ledger.jsonl").enter(ROUND)
    assert run("verify", folder, "--head", head).exit_code == 0
    assert run("verify", folder, "--head", f" {head.upper()}\n").exit_code == 0


@pytest.mark.parametrize("command", ["verify", "show", "export"])
def test_a_changed_byte_is_told_with_its_line_and_ends_with_1(folder: Path, command: str) -> None:
    change(folder, b'"rare_level"', b'"rare_lovel"')
    done = run(command, folder)
    assert done.exit_code == 1
    assert "Line 4: it is not what was written." in done.stderr
    assert "lovel" not in done.stdout


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_whole_lines_that_are_missing_at_the_end_are_found_by_the_head_that_was_noted(folder: Path, kept: int) -> None:
    path = folder / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    head = run("verify", folder).stdout.split()[-1]
    path.write_bytes(b"".join(lines[:kept]))
    assert run("verify", folder).exit_code == 0
    done = run("verify", folder, "--head", head)
    assert done.exit_code == 1
    assert "entries were taken away, or all were written anew" in done.stderr


def test_a_cut_off_line_is_told_with_its_number_and_left_to_the_site(folder: Path) -> None:
    path = folder / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    before = path.read_bytes()
    done = run("verify", folder)
    assert done.exit_code == 1
    assert "Line 4: it is cut off. The site sets it aside" in done.stderr
    assert path.read_bytes() == before
    Ledger(path).open()
    assert run("verify", folder).exit_code == 0
    assert "nothing: " in run("show", folder).stdout
    assert ".cut-" in run("show", folder).stdout


def test_export_prints_the_lines_as_they_are_written(folder: Path) -> None:
    assert run("export", folder).stdout_bytes == (folder / "ledger.jsonl").read_bytes()


def test_a_ledger_that_somebody_forged_controls_no_terminal(folder: Path) -> None:
    path = folder / "ledger.jsonl"
    texts = {"analysis": "\x1b[2Jgone", "code": "\x07", "title": "\u202eltr", "roster": ("\x9b",), "time": "\x1b[2J"}
    forged = dict(ROUND) | texts | {"number": 5, "previous": read_chain(path.read_bytes()).head}
    path.write_bytes(path.read_bytes() + sealed(Entry.model_construct(**forged)).line + b"\n")
    for command in ("show", "export"):
        shown = run(command, folder).stdout
        assert "gone" in shown
        assert all(character.isprintable() or character == "\n" for character in shown)


def test_a_site_without_a_ledger_or_without_settings_is_told_so(tmp_path: Path) -> None:
    assert run("verify", tmp_path).exit_code == 2
    write_site(tmp_path, NewSite(name="A", data="data.csv", dictionary="dictionary.json", ledger="elsewhere/l.jsonl"))
    done = run("verify", tmp_path)
    assert done.exit_code == 2
    assert f"{tmp_path / 'elsewhere' / 'l.jsonl'}: there is no such ledger." in done.stderr


def test_init_says_where_the_ledger_is_and_none_is_made_before_the_site_is_served(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("arm,dead\n" + "a,0\nb,1\n" * 20, encoding="ascii")
    words = ["init", str(tmp_path / "home"), "--data", str(tmp_path / "data.csv"), "--name", "A"]
    assert CliRunner().invoke(app, [*words, "--ledger", "../kept/what-left.jsonl"]).exit_code == 0
    assert load_settings(tmp_path / "home").ledger == tmp_path / "home" / "../kept/what-left.jsonl"
    assert not list(tmp_path.rglob("*.jsonl"))
