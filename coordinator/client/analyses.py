"""The commands about analyses that a running coordinator has: fedglmm list, show, watch, cancel, export, compare."""

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from coordinator.client.comparison import compare
from coordinator.client.connection import Coordinator
from coordinator.client.estimates import Result
from coordinator.client.faults import ending
from coordinator.client.fit import Fit
from coordinator.client.following import has_ended
from coordinator.client.listing import print_list
from coordinator.client.moments import minute
from coordinator.client.options import Access, Which
from coordinator.client.saved import WRITABLE, as_text
from coordinator.client.side_by_side import side_by_side
from coordinator.client.tables import csv_table, html_table, latex_table
from coordinator.client.terminal import CONVERGED, NO_ESTIMATES, Id, Json, console, finish, say, told
from coordinator.client.watching import watched
from coordinator.wanted import NEWEST
from shared.errors import SettingsError
from shared.grouping import grouped
from shared.printable import printable

app = typer.Typer()
NONE_YET = "There is no analysis yet. `fedglmm fit` asks for one."
AND_OLDER = f"These are the newest {NEWEST}: --until and the other filters may lead to older ones."
NONE_LIKE_THAT = "There is no analysis like that. `fedglmm list` without filters shows the newest."


class Format(StrEnum):
    """What a result can be exported as."""

    JSON = "json"
    CSV = "csv"
    LATEX = "latex"
    HTML = "html"
    REPORT = "report"


_OF_A_RESULT: dict[Format, Callable[[Result], str]] = {
    Format.JSON: lambda result: as_text(result) + "\n",
    Format.CSV: csv_table,
    Format.LATEX: latex_table,
    Format.HTML: html_table,
}


@app.command("list")
@grouped
def list_analyses(*, which: Which, access: Access, as_json: Json = False) -> None:
    """List the newest analyses. With filters, those for which all that they say is so."""
    with told():
        filters = which.filters()
        with access.connection() as connection:
            analyses = connection.analyses(**filters)
    if as_json:
        say(_json(analyses))
    elif analyses:
        print_list(analyses, console())
    else:
        typer.echo(NONE_LIKE_THAT if filters else NONE_YET, err=True)
    if len(analyses) == NEWEST:
        typer.echo(AND_OLDER, err=True)


@app.command()
@grouped
def show(analysis: Id, *, access: Access, as_json: Json = False) -> None:
    """Show an analysis: its result once it has one, else where it stands."""
    with told(), access.connection() as connection:
        standing = connection.analysis(analysis)
        if not standing["links"]["result"]:
            _standing(standing, as_json=as_json)
            return
        found = Fit(connection.result(analysis))
    finish(found, as_json=as_json)


@app.command()
@grouped
def watch(analysis: Id, *, access: Access, as_json: Json = False) -> None:
    """Watch an analysis from its beginning to its end, as fit does. Ctrl-C stops the watching, not the analysis."""
    with told(), access.connection() as connection:
        found = watched(connection, analysis, access)
    finish(found, as_json=as_json)


@app.command()
@grouped
def cancel(analysis: Id, *, access: Access, as_json: Json = False) -> None:
    """Cancel an analysis that is under way. One that has ended stays as it is."""
    with told(), access.connection() as connection:
        standing = connection.cancel(analysis)
    done = f"Cancelled: analysis {analysis}, after round {standing['round']}. The sites are told."
    say(_json(standing) if as_json else done)


@app.command()
@grouped
def export(
    analysis: Id,
    *,
    form: Annotated[
        Format, typer.Option("--format", help="the whole result, its estimates as a table, or a report to print")
    ] = Format.JSON,
    out: Annotated[Path | None, typer.Option(help="a file; standard output unless given")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite the file")] = False,
    access: Access,
) -> None:
    """Export a result: JSON and CSV with every number at full precision, LaTeX, HTML and the report rounded."""
    with told(), access.connection() as connection:
        made = _OF_A_RESULT.get(form)
        text = made(connection.result(analysis)) if made else connection.report(analysis)
        if out is None:
            typer.echo(printable(text) if sys.stdout.isatty() else text, nl=False)
        else:
            _write(out, text, force=force)


@app.command("compare")
@grouped
def compare_analyses(
    analyses: Annotated[
        list[str], typer.Argument(metavar="ID...", help="ids of two analyses or more, or files of results")
    ],
    *,
    access: Access,
    as_json: Json = False,
) -> None:
    """Compare results: AIC, BIC, a likelihood-ratio test where a model is within another, the estimates side by side."""
    with told(), access.connection() as connection:
        names = list(dict.fromkeys(analyses))
        if len(names) < 2:  # noqa: PLR2004 -- as the word says
            remedy = "Name two different ones, by their ids as `fedglmm list` shows them or by files of results."
            raise SettingsError("one alone has nothing to be compared with.", where="analyses", remedy=remedy)
        fits = {name: _fit(connection, name) for name in names}
    compared = compare({name: fit.result for name, fit in fits.items()})
    say(_json(compared)) if as_json else console().print(side_by_side(compared))
    raise typer.Exit(CONVERGED if all(fit.has_estimates for fit in fits.values()) else NO_ESTIMATES)


def _fit(connection: Coordinator, name: str) -> Fit:
    """An analysis, or a file where the name is one's."""
    return Fit.load(name) if name.endswith(".json") else Fit(connection.result(name))


def _standing(analysis: dict[str, Any], *, as_json: bool) -> None:
    """An analysis without a result, as it stands.

    Raises:
        FedglmmError: it has ended, as `watch` tells it.
    """
    if as_json:
        say(as_text(analysis))
        return
    waiting = f", waiting for {', '.join(analysis['waiting_for'])}" if analysis["waiting_for"] else ""
    since = f"{minute(analysis['since'])} UTC"
    say(
        f"{analysis['id']}: {analysis['state']} since {since}{waiting}. The last round was {analysis['round']}.\n"
        f"{analysis['formula']}"
    )
    if has_ended(analysis):
        raise ending(analysis)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _write(path: Path, text: str, *, force: bool) -> None:
    mode = "w" if force or path.is_dir() else "x"  # a folder is told as one
    try:
        with path.open(mode, encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise SettingsError(
            "the file is there already.", where=str(path), remedy="Give another name, or --force to overwrite it."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"the file cannot be written: {error.strerror}.", where=str(path), remedy=WRITABLE
        ) from None
