"""The analyst's commands on a terminal and off it: live table, sparkline, colours, JSON, exit codes, completion."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.main import get_group
from typer.testing import CliRunner

from coordinator.client import terminal, watching
from coordinator.client.analyses import Format
from coordinator.client.cli import app
from coordinator.client.connection import Coordinator
from coordinator.client.following import Progress
from coordinator.client.saved import WRITABLE, as_text
from coordinator.client.sparkline import sparkline
from coordinator.client.watching import MOST_ROWS, display
from shared.optimisation.outcome import OutcomeKind
from tests.unit.finished import result

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"
ESCAPE = "\x1b["
LISTED = ("list", "show", "watch", "cancel", "compare", "fit", "rehearse")
"""Commands that print something to be read; `export` writes what it is told to."""


@pytest.mark.parametrize(
    ("decrements", "line"),
    [
        ([], ""),
        ([None, None], "··"),
        ([0.5], "█"),
        ([None, 1.0, 1e-1, 1e-7], "·█▇▁"),
        ([1e-2, 0.0, 1e-4], "█·▁"),
    ],
)
def test_a_sparkline_is_the_logarithm_from_the_largest_to_the_smallest(
    decrements: list[float | None], line: str
) -> None:
    assert sparkline(decrements) == line


def standing(state: str) -> dict[str, Any]:
    return {
        "state": state,
        "waiting_for": ["Bern"],
        "since": "2026-11-28T10:00:07.125+00:00",
        "round": 1,
        "links": {"result": None},
    }


def of_round(number: int, *, accepted: bool = True) -> Progress:
    entry = {
        "round": number,
        "log_likelihood": -10.0 - number,
        "decrement": 10.0**-number,
        "seconds": 0.1,
        "accepted": accepted,
    }
    return Progress(standing("running"), [entry])


def live(*news: Progress) -> str:
    """What stands on a terminal at the end."""
    table = watching.LiveTable()
    for one in news:
        table.take(one)
    console = Console(width=100)
    with console.capture() as shown:
        console.print(table)
    return shown.get()


def test_the_live_table_shows_rounds_their_course_and_who_is_waited_for() -> None:
    shown = live(of_round(1), of_round(2, accepted=False), Progress(standing("paused"), []))
    rows = [line.split() for line in shown.splitlines()]
    assert rows[1][:4] == ["1", "-11.000000", "1.0e-01", "0.100"]
    assert "not taken" in shown
    assert rows[-1] == ["decrement", "█▁", "Waiting", "for", "Bern", "since", "2026-11-28", "10:00:07", "UTC."]


def test_the_live_table_keeps_to_the_last_rounds() -> None:
    shown = live(*(of_round(number) for number in range(1, MOST_ROWS + 6)))
    assert [line.split()[0] for line in shown.splitlines()[1:-1]] == [str(k) for k in range(6, MOST_ROWS + 6)]


def test_a_terminal_gets_the_live_table_and_anything_else_one_line_a_round(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    with display(Console(file=out, force_terminal=True, width=100)) as show:
        show(of_round(1))
    assert "decrement █" in out.getvalue()
    with display(Console(file=io.StringIO(), force_terminal=False)) as show:
        show(of_round(1))
    assert capsys.readouterr().err == "     1       -11.000000     1.0e-01     0.100\n"


def test_a_round_is_one_line_off_a_terminal_whatever_columns_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    watching.round_table(of_round(2, accepted=False))
    assert (
        capsys.readouterr().err == "     2       -12.000000     1.0e-02     0.100   not taken: a shorter step follows\n"
    )


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_errors_are_coloured_on_a_terminal_unless_no_color_is_set(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], coloured: bool
) -> None:
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as if standard error were a terminal
    done = CliRunner().invoke(app, ["list", "--coordinator", "nowhere"])
    assert done.exit_code == terminal.WRONG
    assert (f"{ESCAPE}31m" in done.stderr) is coloured


def test_off_a_terminal_there_is_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert ESCAPE not in CliRunner().invoke(app, ["list", "--coordinator", "nowhere"]).stderr


@pytest.mark.parametrize("name", LISTED)
def test_whatever_is_listed_is_there_as_json_too(name: str) -> None:
    assert "as_json" in {option.name for option in get_group(app).commands[name].params}


def test_exit_codes_are_in_the_help_and_in_the_page_with_one_meaning() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "1000", "TERM": "dumb"}).stdout
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", page.split("| exit code |")[1], re.MULTILINE))
    assert told == {str(code): meaning for code, meaning in terminal.EXIT_CODES.items()}
    for code, meaning in told.items():
        assert f"{code} {meaning}" in shown


def test_a_coordinator_that_is_not_there_is_its_own_exit_code() -> None:
    done = CliRunner().invoke(app, ["list", "--json", "--coordinator", NOBODY])
    assert (done.exit_code, done.stdout) == (terminal.FAILED, "")


def test_a_shell_completes_the_commands() -> None:
    program = "from coordinator.client.cli import app; app(prog_name='fedglmm')"
    asked = {"_FEDGLMM_COMPLETE": "complete_bash", "COMP_WORDS": "fedglmm c", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.split() == ["cancel", "compare"]


def saved(folder: Path, name: str, ending: OutcomeKind = OutcomeKind.CONVERGED, **glance: float) -> str:
    made = result(ending)
    made["glance"] |= glance
    (folder / name).write_text(as_text(made), encoding="utf-8")
    return str(folder / name)


def test_files_are_compared_without_a_coordinator_and_the_code_says_whether_all_have_estimates(tmp_path: Path) -> None:
    files = [saved(tmp_path, "a.json"), saved(tmp_path, "b.json", npar=6)]
    done = CliRunner().invoke(app, ["compare", *files, "--json", "--coordinator", NOBODY])
    assert done.exit_code == 0
    assert [row["analysis"] for row in json.loads(done.stdout)["models"]] == files
    files.append(saved(tmp_path, "c.json", OutcomeKind.SEPARATED))
    assert CliRunner().invoke(app, ["compare", *files]).exit_code == terminal.NO_ESTIMATES


def test_one_result_is_nothing_to_compare(tmp_path: Path) -> None:
    file = saved(tmp_path, "a.json")
    done = CliRunner().invoke(app, ["compare", file, file])
    assert (done.exit_code, "Name two different ones" in done.stderr) == (terminal.WRONG, True)


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize(("place", "why"), [("", "Is a directory"), ("none/fit.json", "No such file or directory")])
def test_a_place_that_cannot_be_written_to_is_told_with_what_to_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: list[str], place: str, why: str
) -> None:
    monkeypatch.setattr(Coordinator, "result", lambda *_: result())
    done = CliRunner().invoke(app, ["export", "k7mqabcdefgh", "--out", str(tmp_path / place), *force])
    assert done.exit_code == terminal.WRONG
    assert f"{tmp_path / place}: the file cannot be written: {why}. {WRITABLE}" in done.stderr


def test_every_format_is_named_in_the_help() -> None:
    shown = CliRunner().invoke(app, ["export", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    assert all(form.value in shown for form in Format)
