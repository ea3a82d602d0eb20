"""How the commands of a site speak: notes and faults in words, without markup."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from shared.errors import FedglmmError


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
    Console().print(text, soft_wrap=True, highlight=False, markup=False)


def say_wrong(text: str) -> None:
    """Prints on standard error what is wrong."""
    Console(stderr=True).print(text, style="red", soft_wrap=True, highlight=False, markup=False)
