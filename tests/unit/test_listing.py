"""`fedglmm list`: readable on a terminal, whole in a pipe; and what its filters take, before anybody is asked."""

import io
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from coordinator.client import asks
from coordinator.client.analyses import AND_OLDER, NONE_LIKE_THAT, NONE_YET
from coordinator.client.asks import Filters, wanted_of
from coordinator.client.cli import app
from coordinator.client.connection import Coordinator
from coordinator.client.listing import print_list
from coordinator.client.terminal import ENDLESS, WRONG
from coordinator.states import AnalysisState
from coordinator.wanted import NEWEST, Wanted
from shared.errors import RequestError

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"
LONG = "death ~ " + " + ".join(f"column_{k}" for k in range(40)) + " + (1 | site)"
TITLE = "Everything that there is to say about the treatment, and somewhat more than that"
LONGEST_STATE = max(AnalysisState, key=len)


def kept(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"k7mqabcdef{number:02}",
        "state": LONGEST_STATE,
        "round": 1000,
        "created_at": "2026-11-28T10:00:07.125+00:00",
        "owner": None,
        "formula": LONG,
        "title": "",
    } | fields


def printed(*analyses: dict[str, Any], width: int | None) -> list[str]:
    """The lines on a terminal of so many columns; None is a pipe."""
    out = io.StringIO()
    columns, is_terminal = width or ENDLESS, width is not None
    print_list(analyses, Console(file=out, width=columns, emoji=False, force_terminal=is_terminal, color_system=None))
    return [line.rstrip() for line in out.getvalue().splitlines()]


FULL = kept(owner="anna@hospital.example", title=TITLE)


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("one", [kept(), kept(title=TITLE), FULL], ids=["formula", "title", "everything"])
def test_on_a_terminal_the_table_fits_and_nothing_of_it_is_cut(one: dict[str, Any], width: int) -> None:
    lines = printed(one, width=width)
    assert max(map(len, lines)) <= width
    first = next(line for line in lines if one["id"] in line)
    assert first.split()[:5] == [one["id"], LONGEST_STATE, "1000", "2026-11-28", "10:00"]
    created, formula = (next(at for line in lines if (at := line.find(head)) >= 0) for head in ("created", "formula"))
    beside, model = (
        "".join("".join(line[column] for line in lines).split())
        for column in (slice(created, formula), slice(formula, None))
    )
    assert "".join(one["title"].split()) in model
    assert model.endswith("".join(one["formula"].split()))
    assert beside.endswith(one["owner"] or "10:00")


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_terminal_that_is_too_narrow_breaks_the_lines_of_80_columns(width: int) -> None:
    assert printed(FULL, width=width) == printed(FULL, width=80)


def test_a_pipe_gets_a_line_an_analysis_with_whole_values() -> None:
    lines = printed(kept(1, formula=f"y ~ x +\n  {LONG}"), kept(2, title=TITLE, owner="anna"), width=None)
    heads, _, first, second = lines
    assert heads.split() == ["id", "state", "round", "created", "(UTC)", "who", "formula", "title"]
    assert first.endswith(f"  y ~ x + {LONG}")
    assert re.split(r" {2,}", second) == [
        "k7mqabcdef02",
        LONGEST_STATE,
        "1000",
        "2026-11-28 10:00",
        "anna",
        LONG,
        TITLE,
    ]


def test_columns_that_would_be_empty_are_left_out() -> None:
    for width in (None, 80):
        assert printed(kept(formula="y ~ x"), width=width)[0].split() == [
            "id",
            "state",
            "round",
            "created",
            "(UTC)",
            "formula",
        ]


def answering(monkeypatch: pytest.MonkeyPatch, *analyses: dict[str, Any]) -> list[dict[str, Any]]:
    """What a coordinator that has these is asked for."""
    asked: list[dict[str, Any]] = []

    def analyses_of(_: Coordinator, **filters: Any) -> list[dict[str, Any]]:
        asked.append(dict(asks.analyses(wanted_of(**filters)).params))
        return list(analyses)

    monkeypatch.setattr(Coordinator, "analyses", analyses_of)
    return asked


def test_the_command_asks_for_what_its_filters_say(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, kept())
    said = ["--state", "refused", "--who", "anna", "--formula", "x +", "--since", "2026-01-31", "--until", "2026-02-01"]
    for options in ([], said):
        assert CliRunner().invoke(app, ["list", *options]).exit_code == 0
    everything = {"state": "refused", "who": "anna", "formula": "x +", "since": "2026-01-31", "until": "2026-02-01"}
    newest = {"limit": NEWEST}
    assert asked == [newest, newest | everything]


def test_what_the_command_prints_for_other_programs_does_not_depend_on_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, FULL)
    lines = CliRunner().invoke(app, ["list"], env={"COLUMNS": "40"}).stdout.splitlines()
    assert [line.rstrip() for line in lines] == printed(FULL, width=None)


def test_a_formula_is_printed_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """`:man:` is a picture to rich, and `[bold]` a style."""
    formula = "y ~ age:man:dose + [bold]x[/bold]"
    answering(monkeypatch, kept(formula=formula))
    assert CliRunner().invoke(app, ["list"]).stdout.rstrip().endswith(f"  {formula}")
    told = CliRunner().invoke(app, ["compare", "fit:man:.json", "[bold].json"]).stderr
    assert told.startswith("fedglmm: fit:man:.json: ")


@pytest.mark.parametrize("number", [NEWEST - 1, NEWEST])
def test_a_list_that_may_have_stopped_short_says_so_beside_standard_output(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    answering(monkeypatch, *map(kept, range(number)))
    done = CliRunner().invoke(app, ["list"])
    assert done.stderr == (f"{AND_OLDER}\n" if number == NEWEST else "")
    assert done.stdout.count(kept()["id"][:10]) == number
    assert CliRunner().invoke(app, ["list", "--json"]).stderr == done.stderr


def test_an_empty_list_says_so_beside_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    for options, said in (([], NONE_YET), (["--who", "rolf"], NONE_LIKE_THAT)):
        done = CliRunner().invoke(app, ["list", *options])
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"{said}\n")
        assert CliRunner().invoke(app, ["list", *options, "--json"]).stdout == "[]\n"


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("state", "done", "Allowed: 'submitted', 'preparing', "),
        ("since", "today", "this is no day. Write it as 2026-01-31."),
        ("since", "2026-02-30", "this is no day. Write it as 2026-01-31."),
        ("until", "31.1.2026", "this is no day. Write it as 2026-01-31."),
        ("until", "86400", "this is no day. Write it as 2026-01-31."),
        ("until", "", "this is no day. Write it as 2026-01-31."),
        ("who", "", "write 1 to 300 characters, on one line."),
        ("who", "anna\nrolf", "write 1 to 300 characters, on one line."),
        ("formula", "x" * 301, "write 1 to 300 characters, on one line."),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_its_name_before_anybody_is_asked(
    option: str, value: str, allowed: str
) -> None:
    done = CliRunner().invoke(app, ["list", f"--{option}", value, "--coordinator", NOBODY])
    assert (done.exit_code, done.stdout) == (WRONG, "")
    assert done.stderr.startswith(f"fedglmm: --{option}: ")
    assert allowed in done.stderr
    with Coordinator(NOBODY) as coordinator, pytest.raises(RequestError) as caught:
        coordinator.analyses(**{option: value})
    assert caught.value.where == option
    assert allowed in str(caught.value)


def test_a_misspelt_filter_is_told_with_the_one_that_is_meant() -> None:
    with pytest.raises(RequestError, match=r"there is no field `stat`\. Did you mean `state`\?"):
        wanted_of(stat="refused")


def test_what_does_not_matter_is_not_asked_for_and_days_may_be_dates() -> None:
    assert asks.analyses(wanted_of(state=None, since=date(2026, 1, 31))).params == {
        "limit": NEWEST,
        "since": "2026-01-31",
    }


def test_command_package_and_interface_have_the_same_filters() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    options = {option.name for option in group.commands["list"].params}
    assert set(Filters.__annotations__) == set(Wanted.model_fields) <= options


def test_the_package_for_r_knows_the_same_states_and_lists_as_many() -> None:
    source = (ROOT / "clients" / "r" / "R" / "wanted.R").read_text(encoding="utf-8")
    listed = re.search(r"^STATES <- c\((.*?)\)$", source, re.MULTILINE | re.DOTALL)
    assert listed is not None
    assert re.findall(r'"(\w+)"', listed[1]) == list(AnalysisState)
    assert f"\nNEWEST <- {NEWEST}L\n" in source


def test_the_help_names_every_state() -> None:
    shown = CliRunner().invoke(app, ["list", "--help"], env={"COLUMNS": "300", "TERM": "dumb"}).stdout
    assert ", ".join(AnalysisState) in shown
