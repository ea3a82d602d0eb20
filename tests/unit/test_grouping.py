"""A command whose options are grouped shows and takes each of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from coordinator.client.cli import app
from coordinator.client.options import Access
from shared.grouping import grouped


@dataclass(frozen=True)
class Where:
    place: Annotated[str, typer.Option(help="which place")]
    far: Annotated[int, typer.Option("--far", "--distance", envvar="HOW_FAR", help="how far")] = 3


@pytest.fixture
def made() -> typer.Typer:
    made = typer.Typer()

    @made.command()
    @grouped
    def go(what: Annotated[str, typer.Argument()], *, where: Where, loud: bool = False) -> None:
        """Go somewhere."""
        typer.echo(f"{what} {where} {loud}")

    return made


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "--place", "a"], "x Where(place='a', far=3) False"),
        (["x", "--place", "a", "--distance", "7", "--loud"], "x Where(place='a', far=7) True"),
    ],
)
def test_each_field_is_an_option_with_its_own_default(made: typer.Typer, arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(made, arguments)
    assert (done.exit_code, done.stdout.strip()) == (0, said)


def test_a_field_without_a_default_is_required_and_one_may_come_from_the_environment(made: typer.Typer) -> None:
    assert CliRunner().invoke(made, ["x"]).exit_code == 2
    assert "far=9" in CliRunner().invoke(made, ["x", "--place", "a"], env={"HOW_FAR": "9"}).stdout


def test_help_shows_every_field_and_what_the_command_does(made: typer.Typer) -> None:
    shown = CliRunner().invoke(made, ["--help"], env={"COLUMNS": "120", "TERM": "dumb"}).stdout
    for part in ("Go somewhere.", "--place", "which place", "--far", "--distance", "HOW_FAR", "--loud"):
        assert part in shown


@pytest.mark.parametrize("command", ["list", "show", "watch", "cancel", "export", "compare", "fit"])
def test_every_command_about_a_coordinator_says_which_one(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    for part in ("--coordinator", "FEDGLMM_COORDINATOR", "--key-file", "--ca-file", "FEDGLMM_CA_FILE"):
        assert part in shown


def test_access_is_written_as_it_was_given(tmp_path: Path) -> None:
    key = tmp_path / "my own.key"
    assert Access("http://a:1/").written() == "--coordinator http://a:1"
    assert Access("http://a:1", key, tmp_path).written() == (
        f"--coordinator http://a:1 --key-file '{key}' --ca-file {tmp_path}"
    )
