"""An analysis while it is watched: a live table with a sparkline on a terminal, else one line a round."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from coordinator.client.connection import Coordinator
from coordinator.client.fit import Fit
from coordinator.client.following import Progress
from coordinator.client.moments import second
from coordinator.client.options import Access
from coordinator.client.sparkline import sparkline
from coordinator.client.terminal import INTERRUPTED
from shared.contribution import WORTHLESS
from shared.printable import printable

HEADS = ("round", "log-likelihood", "decrement", "seconds")
MOST_ROWS = 15
"""Rounds that the live table shows: a table higher than the terminal cannot be redrawn."""
NOT_TAKEN = "not taken: a shorter step follows"


def watched(coordinator: Coordinator, analysis_id: str, access: Access) -> Fit:
    """Follow an analysis and show every round. Who interrupts it stops watching, and the analysis goes on."""
    try:
        with display(Console(stderr=True, highlight=False)) as show:
            return coordinator.wait(analysis_id, show)
    except KeyboardInterrupt:
        at = f"{analysis_id} {access.written()}"
        typer.echo(
            f"\nNo longer watching: analysis {analysis_id} goes on.\n"
            f"   fedglmm watch {at}     shows it\n"
            f"   fedglmm cancel {at}    ends it",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def display(console: Console) -> Iterator[Callable[[Progress], None]]:
    """What to call with every change."""
    if not console.is_terminal:
        yield round_table
        return
    live = LiveTable()
    with Live(live, console=console, auto_refresh=False) as drawn:

        def show(news: Progress) -> None:
            live.take(news)
            drawn.refresh()

        yield show


class LiveTable:
    """The last rounds, the course of the decrement, and who is waited for."""

    def __init__(self) -> None:
        self._rounds: list[dict[str, Any]] = []
        self._status = ""

    def take(self, news: Progress) -> None:
        """Something happened."""
        self._rounds += news.rounds
        self._status = printable(news.notice or status(news.analysis))

    def __rich__(self) -> Group:
        table = Table(*HEADS, "", box=None, header_style="dim")
        for column in table.columns[:-1]:
            column.justify = "right"
        for entry in self._rounds[-MOST_ROWS:]:
            table.add_row(*cells(entry), "" if entry["accepted"] else NOT_TAKEN)
        course = sparkline([entry["decrement"] for entry in self._rounds[-MOST_ROWS:]])
        return Group(table, Text(f"decrement {course}  {self._status}"))


def status(analysis: dict[str, Any]) -> str:
    """In which state an analysis is, and who is waited for since when."""
    if analysis["state"] == "awaiting_approval":
        return f"A person at {', '.join(analysis['waiting_for'])} has to approve it."
    if analysis["state"] == "paused":
        return f"Waiting for {', '.join(analysis['waiting_for'])} since {second(analysis['since'])} UTC."
    return str(analysis["state"])


def cells(entry: dict[str, Any]) -> tuple[str, str, str, str]:
    """A round under HEADS."""
    decrement = "" if entry["decrement"] is None else f"{entry['decrement']:.1e}"
    value = "not finite" if entry["log_likelihood"] <= WORTHLESS else f"{entry['log_likelihood']:.6f}"
    return str(entry["round"]), value, decrement, f"{entry['seconds']:.3f}"


def round_table(progress: Progress) -> None:
    """One line a round, for whoever keeps what is said."""
    console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    analysis = progress.analysis
    if progress.notice:
        console.print(printable(progress.notice), markup=False)
        return
    if analysis["state"] == "running" and analysis["round"] == 0 and not progress.rounds:
        console.print(f"[dim]{_line(HEADS)}[/dim]\n     0   start: each site sends its summary")
    if analysis["state"] in {"awaiting_approval", "paused"}:
        console.print(printable(status(analysis)), markup=False)
    for entry in progress.rounds:
        console.print(_line(cells(entry)) + ("" if entry["accepted"] else f"   {NOT_TAKEN}"))


def _line(texts: tuple[str, str, str, str]) -> str:
    return "{:>6} {:>16} {:>11} {:>9}".format(*texts)
