"""How the commands of a site speak: notes and faults in words, without markup."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from shared.errors import FedglmmError, SettingsError
from shared.printable import printable


@dataclass(frozen=True)
class Types:
    """What is told of columns whose values do not say it."""

    levels: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=a,b,c: a factor with exactly these levels, the reference first. May be repeated."),
    ] = None
    groups: Annotated[
        list[str] | None,
        typer.Option(help="a COLUMN that says whose the rows are, such as patients' numbers. May be repeated."),
    ] = None
    numbers: Annotated[
        list[str] | None,
        typer.Option(
            help="a COLUMN of whole numbers that identifies nobody though all of them differ. May be repeated."
        ),
    ] = None

    @property
    def are_told(self) -> bool:
        """Whether anything is."""
        return bool(self.levels or self.groups or self.numbers)

    def levels_by_column(self) -> dict[str, list[str]]:
        """The levels that options give.

        Raises:
            SettingsError: an option is not COLUMN=a,b,c.
        """
        chosen = {}
        for option in self.levels or []:
            column, sign, listed = option.partition("=")
            if not (column and sign and listed):
                raise SettingsError(
                    "levels are not given as COLUMN=a,b,c.", where="--levels", remedy="Name the column and its levels."
                )
            chosen[column] = [level.strip() for level in listed.split(",")]
        return chosen


@contextmanager
def told() -> Iterator[None]:
    """A known fault is told in words, and ends the command."""
    try:
        yield
    except FedglmmError as error:
        say_wrong(str(error))
        raise typer.Exit(2) from None


def say(text: str) -> None:
    """Prints a line as it is."""
    Console(emoji=False).print(printable(text), soft_wrap=True, highlight=False, markup=False)


def say_wrong(text: str) -> None:
    """Prints on standard error what is wrong."""
    Console(stderr=True, emoji=False).print(printable(text), style="red", soft_wrap=True, highlight=False, markup=False)


def note(text: str) -> None:
    """Prints on standard error what somebody should look at."""
    Console(stderr=True, emoji=False).print(f"Note: {printable(text)}", soft_wrap=True, highlight=False, markup=False)
