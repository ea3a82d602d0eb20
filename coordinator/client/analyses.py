"""The commands about analyses that a running coordinator has: fedglmm list, show, watch, cancel, export."""

import csv
import io
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from coordinator.client.connection import Coordinator
from coordinator.client.faults import ending
from coordinator.client.fit import Fit
from coordinator.client.following import has_ended
from coordinator.client.terminal import (
    DEFAULT_URL,
    CaFile,
    Id,
    Json,
    KeyFile,
    Url,
    as_text,
    finish,
    key_in,
    told,
    watched,
)
from shared.errors import SettingsError

app = typer.Typer()

COLUMNS = (
    *("effect", "group", "level", "term"),
    *("estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high"),
)
"""Of broom.mixed's tidy()."""


@app.command("list")
def list_analyses(*, coordinator: Url = DEFAULT_URL, key_file: KeyFile = None, ca_file: CaFile = None) -> None:
    """List the newest analyses."""
    with told(), Coordinator(coordinator, key_in(key_file), ca_file=ca_file) as connection:
        table = Table(
            *(Column(name, no_wrap=True) for name in ("id", "state", "last round", "created (UTC)")), "formula"
        )
        for one in connection.analyses():
            table.add_row(
                one["id"], one["state"], str(one["round"]), _minute(one["created_at"]), escape(one["formula"])
            )
        Console().print(table)


@app.command()
def show(
    analysis: Id,
    *,
    coordinator: Url = DEFAULT_URL,
    key_file: KeyFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Show an analysis: its result once it has one, else where it stands."""
    with told(), Coordinator(coordinator, key_in(key_file), ca_file=ca_file) as connection:
        standing = connection.analysis(analysis)
        if not standing["links"]["result"]:
            _standing(standing, as_json=as_json)
            return
        found = Fit(connection.result(analysis))
    finish(found, as_json=as_json)


@app.command()
def watch(
    analysis: Id,
    *,
    coordinator: Url = DEFAULT_URL,
    key_file: KeyFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Watch an analysis from its beginning to its end, as fit does. Ctrl-C stops the watching, not the analysis."""
    with told(), Coordinator(coordinator, key_in(key_file), ca_file=ca_file) as connection:
        found = watched(connection, analysis, key_file)
    finish(found, as_json=as_json)


@app.command()
def cancel(analysis: Id, *, coordinator: Url = DEFAULT_URL, key_file: KeyFile = None, ca_file: CaFile = None) -> None:
    """Cancel an analysis that is under way. One that has ended stays as it is."""
    with told(), Coordinator(coordinator, key_in(key_file), ca_file=ca_file) as connection:
        standing = connection.cancel(analysis)
    typer.echo(f"Cancelled: analysis {analysis}, after round {standing['round']}. The sites are told.")


@app.command()
def export(
    analysis: Id,
    *,
    form: Annotated[
        Literal["json", "csv"], typer.Option("--format", help="the whole result, or its tidy table")
    ] = "json",
    out: Annotated[Path | None, typer.Option(help="a file; standard output unless given")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite the file")] = False,
    coordinator: Url = DEFAULT_URL,
    key_file: KeyFile = None,
    ca_file: CaFile = None,
) -> None:
    """Export a result: all of it as JSON, or a row an estimate as CSV. Every number at full precision."""
    with told(), Coordinator(coordinator, key_in(key_file), ca_file=ca_file) as connection:
        result = connection.result(analysis)
        text = as_text(result) + "\n" if form == "json" else _tidy(result)
        if out is None:
            typer.echo(text, nl=False)
        else:
            _write(out, text, force=force)


def _standing(analysis: dict[str, Any], *, as_json: bool) -> None:
    """An analysis without a result, as it stands.

    Raises:
        FedglmmError: it has ended, as `watch` tells it.
    """
    if as_json:
        typer.echo(as_text(analysis))
        return
    waiting = f", waiting for {', '.join(analysis['waiting_for'])}" if analysis["waiting_for"] else ""
    typer.echo(
        f"{analysis['id']}: {analysis['state']} since {analysis['since']}{waiting}. The last round was {analysis['round']}.\n"
        f"{analysis['formula']}"
    )
    if has_ended(analysis):
        raise ending(analysis)


def _minute(moment: str) -> str:
    """A moment as a table shows it."""
    return moment[: len("2026-01-01T00:00")].replace("T", " ")


def _tidy(result: dict[str, Any]) -> str:
    """What is missing is empty."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(result["tidy"])
    return table.getvalue()


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise SettingsError(
            "the file is there already.", where=str(path), remedy="Give another name, or --force to overwrite it."
        ) from None
    except OSError as error:
        raise SettingsError(f"the file cannot be written: {error.strerror}.", where=str(path)) from None
