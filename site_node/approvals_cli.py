"""The commands of whoever approves analyses at a site: fedglmm-site approvals list, show, approve, deny."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.errors import SettingsError
from shared.printable import shown
from shared.specification import Specification
from site_node.page.model import model_in_words
from site_node.release.approval import Request
from site_node.release.approvals import Approvals
from site_node.settings import load_settings
from site_node.terminal import say, told

approvals = typer.Typer(name="approvals", help="What a person at the site approves.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="the site's folder")]
Analysis = Annotated[str, typer.Argument(help="its id, as `list` shows it")]


@approvals.command("list")
def list_all(folder: Folder) -> None:
    """List what a person was asked about, and what was decided."""
    with told():
        requests = _approvals(folder).all()
    if not requests:
        say("Nobody has asked for anything yet.")
        return
    table = Table("analysis", "asked (UTC)", "state", "formula", "sites", box=box.SIMPLE_HEAD, padding=0)
    for one in requests:
        asked, roster = one.asked.strftime("%Y-%m-%d %H:%M"), ", ".join(one.specification.roster)
        cells = (one.analysis, asked, _state(one), shown(one.specification.formula), roster)
        # as texts: whatever a coordinator wrote is no markup
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    Console(emoji=False).print(table)


@approvals.command()
def show(folder: Folder, analysis: Analysis) -> None:
    """Print all that an analysis asks for: the model in words, and its specification, as the site computes it."""
    with told():
        request = _approvals(folder).find(analysis)
    say(f"Analysis {request.analysis}: {_state(request)}.")
    for line in _in_words(request.specification):
        say(shown(line))
    say(f"Specification {request.specification.sha256}")
    typer.echo(json.dumps(request.specification.model_dump(mode="json"), indent=2))


@approvals.command()
def approve(
    folder: Folder,
    analysis: Analysis,
    *,
    days: Annotated[int, typer.Option(min=1, max=365, help="how long the approval lasts")] = 30,
) -> None:
    """Approve an analysis: this specification with these sites, until the approval expires. A running site knows it at once."""
    with told():
        site = _approvals(folder)
        site.approve(analysis, timedelta(days=days))
        say(f"Analysis {analysis}: {_state(site.find(analysis))}.")


@approvals.command()
def deny(
    folder: Folder,
    analysis: Analysis,
    *,
    reason: Annotated[str, typer.Option(help="which the coordinator and the analyst are told")] = "",
) -> None:
    """Deny an analysis, also one that was approved: nothing more leaves for it. A running site knows it at once."""
    with told():
        site = _approvals(folder)
        site.deny(analysis, shown(reason))
        say(f"Analysis {analysis}: {_state(site.find(analysis))}.")


def _in_words(specification: Specification) -> Iterator[str]:
    """The model by what is computed in each row."""
    model = model_in_words(specification)
    yield f"Sites: {', '.join(specification.roster)}."
    yield f"What is explained: {model.explained}; {model.family}."
    yield f"By what: {'; '.join(computed for _, computed in model.columns)}."
    yield f"What varies: {'; '.join(model.random) or 'nothing'}."
    if model.offset:
        yield f"Offset: {model.offset}."
    if model.weights:
        yield f"Weights: {model.weights}."
    yield f"Estimated by {model.estimated}."
    yield f"Answers are {model.answers}."


def _approvals(folder: Path) -> Approvals:
    settings = load_settings(folder)
    if settings.approval != "person":
        raise SettingsError(
            "nobody is asked here: the site takes part in what its policy lets pass.",
            where="approval",
            remedy='Set approval = "person" in site.toml, and restart the site.',
        )
    return Approvals(settings.approvals, settings.name)


def _state(request: Request) -> str:
    return request.state(datetime.now(UTC))
