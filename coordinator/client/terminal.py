"""What the analyst's commands have in common: their options, how faults and endings are told, and the exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from coordinator.client.fit import Fit
from coordinator.client.saved import as_text
from shared.errors import FedglmmError, RefusedError, SettingsError, SiteError, VerificationError
from shared.keys import checked_key
from shared.printable import printable

CONVERGED, NO_ESTIMATES, WRONG, REFUSED, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130
UNSIGNED = NO_ESTIMATES
ENDLESS = 10**6
"""Columns."""
EXIT_CODES = {
    CONVERGED: "estimates, or what was asked for; `verify`: signed by all",
    NO_ESTIMATES: "ended without estimates: separated, not identified, perfect fit, not finite, round limit; `verify`: unsigned",
    WRONG: "the request, an option, a file, the address or the key is wrong, or there is no such result",
    REFUSED: "a site refused",
    FAILED: "a site or the coordinator failed or cannot be reached, or the analysis was cancelled",
    INTERRUPTED: "interrupted; the analysis goes on",
}

_CODES = {VerificationError: UNSIGNED, RefusedError: REFUSED, SiteError: FAILED}

Id = Annotated[str, typer.Argument(help="its id")]
ALONE = "Make a file with the key and nothing else, as an administrator of the coordinator got it from `keys add`."
Json = Annotated[bool, typer.Option("--json", help="print JSON and nothing else on standard output")]


def finish(found: Fit, *, as_json: bool) -> None:
    """Print a result and leave with its code."""
    say(as_text(found.result) if as_json else found.summary())
    raise typer.Exit(CONVERGED if found.has_estimates else NO_ESTIMATES)


def console() -> Console:
    """Where tables are printed. Off a terminal lines are as long as they have to be: nothing is broken for other programs."""
    made = Console(emoji=False)  # a:man:b is an interaction
    if not made.is_terminal:
        made.width = ENDLESS
    return made


def say(text: str) -> None:
    """Print a line, in which names and titles may be anybody's."""
    typer.echo(printable(text))


def cell(text: str) -> str:
    """Such a text in a table of rich."""
    return escape(printable(text))


@contextmanager
def told() -> Iterator[None]:
    """A known fault is told in words, and its kind is the exit code."""
    try:
        yield
    except FedglmmError as error:
        Console(stderr=True, emoji=False).print(
            f"fedglmm: {printable(str(error))}", style="red", soft_wrap=True, highlight=False, markup=False
        )
        raise typer.Exit(next((code for kind, code in _CODES.items() if isinstance(error, kind)), WRONG)) from None


def key_in(path: Path | None) -> str | None:
    """The key in a file, where one is named.

    Raises:
        SettingsError: it cannot be read, or holds anything but one key.
    """
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"the key cannot be read: {error.strerror}.", where=str(path), remedy=ALONE) from None
    except UnicodeDecodeError:
        raise SettingsError("the file is no text.", where=str(path), remedy=ALONE) from None
    if ":" in text or len(text.splitlines()) != 1:
        raise SettingsError("the file does not hold one key alone.", where=str(path), remedy=ALONE)
    return checked_key(text, where=str(path), exposed=False).get_secret_value()
