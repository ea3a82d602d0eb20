"""What the analyst's commands have in common: their options, the live table, how faults and endings are told.

Exit codes: 0 estimates, of `verify` signed by all; 1 ended without estimates (separated, not identified, perfect fit, not finite,
round limit), of `verify` not so signed; 2 the
request or a setting is wrong; 3 a site refused; 4 a site or the coordinator failed or cannot be reached; 130 interrupted.
"""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from coordinator.client.connection import Coordinator
from coordinator.client.fit import Fit
from coordinator.client.following import Progress
from shared.contribution import WORTHLESS
from shared.errors import FedglmmError, RefusedError, SettingsError, SiteError, UnknownAnalysisError, VerificationError
from shared.keys import checked_key

NO_ESTIMATES, WRONG, REFUSED, FAILED, INTERRUPTED = 1, 2, 3, 4, 130
UNSIGNED = 1
_CODES = {VerificationError: UNSIGNED, RefusedError: REFUSED, SiteError: FAILED}

DEFAULT_URL = "http://127.0.0.1:8000"
Url = Annotated[str, typer.Option("--coordinator", envvar="FEDGLMM_COORDINATOR", help="its address")]
KeyFile = Annotated[Path | None, typer.Option(help="a file with the analyst's key")]
CaFile = Annotated[
    Path | None,
    typer.Option(envvar="FEDGLMM_CA_FILE", help="PEM: the authority of its certificate, in the place of public ones"),
]
Id = Annotated[str, typer.Argument(help="its id")]
ALONE = "Make a file with the key and nothing else, as an administrator of the coordinator got it from `keys add`."
Json = Annotated[bool, typer.Option("--json", help="print the canonical result and nothing else")]


def watched(coordinator: Coordinator, analysis_id: str, key_file: Path | None) -> Fit:
    """Follow an analysis and show every round. Who interrupts it stops watching, and the analysis goes on."""
    try:
        return coordinator.wait(analysis_id, round_table)
    except KeyboardInterrupt:
        at = f"{analysis_id} --coordinator {shlex.quote(coordinator.url)}"
        for option, file in (("--key-file", key_file), ("--ca-file", coordinator.ca_file)):
            at += f" {option} {shlex.quote(str(file))}" if file else ""
        typer.echo(
            f"\nNo longer watching: analysis {analysis_id} goes on.\n"
            f"   fedglmm watch {at}     shows it\n"
            f"   fedglmm cancel {at}    ends it",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None


def round_table(progress: Progress) -> None:
    """One line a round: this is the live table."""
    console = Console(stderr=True, highlight=False)
    analysis = progress.analysis
    if progress.notice:
        console.print(progress.notice, markup=False)
        return
    if analysis["state"] == "running" and analysis["round"] == 0 and not progress.rounds:
        console.print(
            "[dim] round   log-likelihood   decrement   seconds[/dim]\n     0   start: each site sends its summary"
        )
    if analysis["state"] == "awaiting_approval":
        console.print(f"A person at {', '.join(analysis['waiting_for'])} has to approve it.", markup=False)
    if analysis["state"] == "paused":
        console.print(f"Waiting for {', '.join(analysis['waiting_for'])} since {analysis['since']}.", markup=False)
    for entry in progress.rounds:
        decrement = "" if entry["decrement"] is None else f"{entry['decrement']:.1e}"
        kept = "" if entry["accepted"] else "   not taken: a shorter step follows"
        value = "not finite" if entry["log_likelihood"] <= WORTHLESS else f"{entry['log_likelihood']:.6f}"
        console.print(f"{entry['round']:6d} {value:>16} {decrement:>11} {entry['seconds']:9.3f}{kept}")


def finish(found: Fit, *, as_json: bool) -> None:
    """Print a result and leave with its code."""
    typer.echo(as_text(found.result) if as_json else found.summary())
    raise typer.Exit(0 if found.has_estimates else NO_ESTIMATES)


def as_text(result: dict[str, object]) -> str:
    """The canonical result."""
    return json.dumps(result, indent=2, ensure_ascii=False)


@contextmanager
def told() -> Iterator[None]:
    """A known fault is told in words, and its kind is the exit code."""
    try:
        yield
    except FedglmmError as error:
        if isinstance(error, UnknownAnalysisError):
            error = UnknownAnalysisError(error.message, where=error.where, remedy="`fedglmm list` shows the newest.")
        Console(stderr=True).print(f"fedglmm: {error}", style="red", soft_wrap=True, highlight=False, markup=False)
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
        raise SettingsError(f"the key cannot be read: {error.strerror}.", where=str(path)) from None
    except UnicodeDecodeError:
        raise SettingsError("the file is no text.", where=str(path), remedy=ALONE) from None
    if ":" in text or len(text.splitlines()) != 1:
        raise SettingsError("the file does not hold one key alone.", where=str(path), remedy=ALONE)
    return checked_key(text, where=str(path), exposed=False).get_secret_value()
