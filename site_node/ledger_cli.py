"""The commands of a site's ledger: fedglmm-site ledger show, verify, export."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from site_node.release.chain import Chain
from site_node.release.entry import Entry
from site_node.release.ledger import read_ledger
from site_node.settings import load_settings
from site_node.terminal import say, say_wrong, told

ledger = typer.Typer(name="ledger", help="What has left the site.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="the site's folder")]

_SHORT = 12
"""Digits of a hash that a person compares."""
_TO_SECONDS = len("2026-03-01T12:00:00")


@ledger.command()
def show(
    folder: Folder,
    *,
    analysis: Annotated[str | None, typer.Option(help="only entries of the analysis of this id")] = None,
) -> None:
    """Print what has left, by analysis: each entry with its number and time."""
    chain = _chain(folder)
    tables: dict[str, Table] = {}
    for entry in (one.entry for one in chain.entries):
        if analysis in {None, entry.analysis}:
            table = tables.setdefault(_heading(entry), _table())
            # as texts: whatever a coordinator wrote is no markup
            table.add_row(*(Text(cell, overflow="fold") for cell in _cells(entry)))
    if not tables and chain.fault is None:
        say("Nothing has left." if analysis is None else f"Nothing has left for an analysis {analysis}.")
    for heading, table in tables.items():
        say(heading)
        Console(emoji=False).print(table)
    _end(chain)


@ledger.command()
def verify(
    folder: Folder, *, head: Annotated[str | None, typer.Option(help="a head that was noted before")] = None
) -> None:
    """Say whether every byte is what was written. Prints the head, which stands for all entries: note it elsewhere."""
    chain = _chain(folder)
    if chain.fault is None and not chain.cut:
        say(f"{len(chain.entries)} entries, each as it was written. Head:")
        say(chain.head)
        if head is not None and not chain.holds(head.strip().lower()):
            say_wrong("The head that was noted is not in it: entries were taken away, or all were written anew.")
            raise typer.Exit(1)
    _end(chain)


@ledger.command()
def export(folder: Folder) -> None:
    """Print the entries as they are written, a JSON object a line."""
    chain = _chain(folder)
    for one in chain.entries:
        typer.echo(one.line)
    _end(chain)


def _chain(folder: Path) -> Chain:
    with told():
        return read_ledger(load_settings(folder).ledger)


def _end(chain: Chain) -> None:
    """Ends the command, with 1 where the chain has a line that is not what was written."""
    if chain.fault is not None:
        say_wrong(f"Line {chain.fault.line}: {chain.fault.message}. Nothing from there on can be relied on.")
        raise typer.Exit(1)
    if chain.cut:
        say_wrong(
            f"Line {len(chain.entries) + 1}: it is cut off. The site sets it aside when it is started, or writes the next entry."
        )
        raise typer.Exit(1)


def _table() -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("", justify="right")
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("event")
    table.add_column("round", justify="right")
    table.add_column("what left")
    table.add_column("numbers", justify="right")
    table.add_column("bytes", justify="right")
    return table


def _heading(entry: Entry) -> str:
    """Of the entries of one analysis under one specification."""
    if entry.event == "recovered":
        return "The ledger itself"
    named = f"Specification {entry.specification[:_SHORT]}..., sites {', '.join(entry.roster)}"
    title = f"{entry.title}: " if entry.title else ""
    return f"Analysis {entry.analysis}. {title}{entry.formula}\n{named}"


def _cells(entry: Entry) -> tuple[str, ...]:
    event = f"{entry.event} (again)" if entry.again else entry.event
    number = "" if entry.round is None else str(entry.round)
    numbers, size = ("", "") if entry.left is None else (str(entry.left.numbers), str(entry.left.bytes))
    return str(entry.number), entry.time[:_TO_SECONDS].replace("T", " "), event, number, _what(entry), numbers, size


def _what(entry: Entry) -> str:
    if entry.cut is not None:
        return f"nothing: a line was cut off, and is in {entry.cut.file}"
    if entry.left is None:
        return ""
    reason = " ".join(filter(None, (entry.rule, entry.code, entry.outcome)))
    return f"{entry.left.message}: {reason}" if reason else entry.left.message
