"""The commands of a site's ledger: fedglmm-site ledger show, verify, export."""

from pathlib import Path
from typing import Annotated

import typer
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
"""Digits of a hash in the table."""


@ledger.command()
def show(
    folder: Folder,
    *,
    analysis: Annotated[str | None, typer.Option(help="only entries of the analysis of this id")] = None,
) -> None:
    """Print what has left, entry by entry."""
    chain = _chain(folder)
    table = Table("", "time (UTC)", "event", "analysis", "round", "what left", "for what", title_justify="left")
    seen: set[str] = set()
    for entry in (one.entry for one in chain.entries):
        if analysis in {None, entry.analysis}:
            purpose = "" if entry.analysis in seen else _purpose(entry)
            seen.add(entry.analysis)
            # as texts: whatever a coordinator wrote is no markup
            table.add_row(*(Text(cell) for cell in (*_cells(entry), purpose)))
    Console().print(table)
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


def _cells(entry: Entry) -> tuple[str, ...]:
    event = f"{entry.event} (again)" if entry.again else entry.event
    number = "" if entry.round is None else str(entry.round)
    return str(entry.number), entry.time[:19].replace("T", " "), event, entry.analysis, number, _what(entry)


def _what(entry: Entry) -> str:
    if entry.cut is not None:
        return f"nothing: {entry.cut.bytes} bytes of a line were cut off, and are in {entry.cut.file}"
    if entry.left is None:
        return ""
    reason = " ".join(filter(None, (entry.rule, entry.code, entry.outcome)))
    numbers = f"{entry.left.numbers} numbers, {entry.left.bytes} bytes, {entry.left.sha256[:_SHORT]}"
    return f"{entry.left.message}{f' ({reason})' if reason else ''}: {numbers}"


def _purpose(entry: Entry) -> str:
    named = (entry.title, entry.formula, ", ".join(entry.roster), entry.specification[:_SHORT])
    return "; ".join(filter(None, named))
