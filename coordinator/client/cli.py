"""The analyst's command: fedglmm rehearse, demo, fit, list, show.

Exit codes: 0 estimates; 1 ended without estimates (separated, not identified, perfect fit, not finite, round limit); 2 the
request or a setting is wrong; 3 a site refused; 4 a site or the coordinator failed or cannot be reached.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from coordinator.client.connection import Coordinator, Progress, request_of
from coordinator.client.demo import run_demo
from coordinator.client.federation import federation
from coordinator.client.fit import Fit
from shared.errors import FedglmmError, RefusedError, RequestError, SettingsError, SiteError
from shared.specification import AnalysisRequest

app = typer.Typer(
    help="Estimate one mixed-effects model over sites that keep their rows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

NO_ESTIMATES, WRONG, REFUSED, FAILED = 1, 2, 3, 4

Family = Annotated[str, typer.Option(help="binomial, poisson or gaussian")]
Weights = Annotated[str | None, typer.Option(help="a column of prior weights, or of sizes for a proportion")]
KnownSd = Annotated[float | None, typer.Option(help="fix the standard deviation of a single random effect")]
Json = Annotated[bool, typer.Option("--json", help="print the canonical result and nothing else")]
Url = Annotated[str, typer.Option("--coordinator", envvar="FEDGLMM_COORDINATOR", help="its address")]
KeyFile = Annotated[Path | None, typer.Option(help="a file with the analyst's key")]


@app.command()
def rehearse(
    data: Annotated[Path, typer.Argument(help="a CSV or Parquet file")],
    formula: Annotated[str, typer.Argument(help="as lme4 writes it: 'y ~ x + (1 | site)'")],
    *,
    site: Annotated[str, typer.Option(help="the column whose values become sites")],
    family: Family = "binomial",
    nodes: Annotated[int | None, typer.Option(min=1, help="deal the values out over so many sites")] = None,
    levels: Annotated[list[str] | None, typer.Option(help="COLUMN=a,b,c, the reference level first")] = None,
    weights: Weights = None,
    random_effect_sd: KnownSd = None,
    policy: Annotated[
        Literal["default", "open"], typer.Option(help="of every site; open is for public data")
    ] = "default",
    as_json: Json = False,
) -> None:
    """Rehearse a federation on one file: real sites and a real coordinator on this machine, the real protocol."""
    with _told():
        request = request_of(formula=formula, family=family, weights=weights, random_effect_sd=random_effect_sd)
        split = [str(data), "--by", site, "--policy", policy]
        split += ["--nodes", str(nodes)] if nodes is not None else []
        for level in levels or []:
            split += ["--levels", level]
        with federation(split) as url, Coordinator(url) as coordinator:
            fit = _watched(coordinator, request)
    _finish(fit, as_json=as_json)


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="the trials' file; the repository's own unless given")] = None,
) -> None:
    """Fit the long-term beta-blocker trials, each trial a site, and hold the result against lme4's and glmmTMB's."""
    with _told():
        run_demo(data, _round_table)


@app.command()
def fit(
    what: Annotated[str, typer.Argument(help="a formula, or a JSON file with an AnalysisRequest")],
    *,
    coordinator: Url = "http://127.0.0.1:8000",
    family: Family = "binomial",
    weights: Weights = None,
    random_effect_sd: KnownSd = None,
    sites: Annotated[str | None, typer.Option(help="comma-separated; all unless given")] = None,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Estimate a model with a running coordinator, and wait for it."""
    with _told():
        if what.endswith(".json"):
            request = _request_in(Path(what))
        else:
            roster = tuple(name.strip() for name in sites.split(",")) if sites else None
            request = request_of(
                formula=what, family=family, weights=weights, random_effect_sd=random_effect_sd, sites=roster
            )
        with Coordinator(coordinator, _key(key_file)) as connection:
            found = _watched(connection, request)
    _finish(found, as_json=as_json)


@app.command("list")
def list_analyses(*, coordinator: Url = "http://127.0.0.1:8000", key_file: KeyFile = None) -> None:
    """List the newest analyses."""
    with _told(), Coordinator(coordinator, _key(key_file)) as connection:
        table = Table("id", "state", "last round", "created", "formula")
        for one in connection.analyses():
            table.add_row(one["id"], one["state"], str(one["round"]), one["created_at"], escape(one["formula"]))
        Console().print(table)


@app.command()
def show(
    analysis: Annotated[str, typer.Argument(help="its id")],
    *,
    coordinator: Url = "http://127.0.0.1:8000",
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Show an analysis: its result once it has one, else where it stands."""
    with _told(), Coordinator(coordinator, _key(key_file)) as connection:
        standing = connection.analysis(analysis)
        found = Fit(connection.result(analysis)) if standing["links"]["result"] else None
        if found is None:
            Console().print_json(json.dumps(standing))
            return
    _finish(found, as_json=as_json)


def _watched(coordinator: Coordinator, request: AnalysisRequest) -> Fit:
    """Submit, and show every round on standard error as it is done."""
    return coordinator.wait(coordinator.submit(request), _round_table)


def _round_table(progress: Progress) -> None:
    """One line a round: this is the live table."""
    console = Console(stderr=True, highlight=False)
    analysis = progress.analysis
    if analysis["state"] == "running" and analysis["round"] == 0 and not progress.rounds:
        console.print(
            "[dim] round   log-likelihood   decrement   seconds[/dim]\n     0   start: each site sends its summary"
        )
    if analysis["state"] == "paused":
        console.print(f"Waiting for {', '.join(analysis['waiting_for'])} since {analysis['since']}.", markup=False)
    for entry in progress.rounds:
        decrement = "" if entry["decrement"] is None else f"{entry['decrement']:.1e}"
        kept = "" if entry["accepted"] else "   not taken: a shorter step follows"
        console.print(
            f"{entry['round']:6d} {entry['log_likelihood']:16.6f} {decrement:>11} {entry['seconds']:9.3f}{kept}"
        )


def _finish(found: Fit, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.result, indent=2, ensure_ascii=False))
    else:
        typer.echo(found.summary())
    raise typer.Exit(0 if found.has_estimates else NO_ESTIMATES)


@contextmanager
def _told() -> Iterator[None]:
    """A known fault is told in words, and its kind is the exit code."""
    try:
        yield
    except FedglmmError as error:
        Console(stderr=True).print(f"fedglmm: {error}", style="red", soft_wrap=True, highlight=False, markup=False)
        code = REFUSED if isinstance(error, RefusedError) else FAILED if isinstance(error, SiteError) else WRONG
        raise typer.Exit(code) from None


def _request_in(path: Path) -> AnalysisRequest:
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"it cannot be read: {error}.", where=str(path), remedy="Give a JSON file.") from None
    if not isinstance(fields, dict):
        raise RequestError("it holds no JSON object.", where=str(path), remedy='Write {"formula": ...}.')
    return request_of(**fields)


def _key(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"the key cannot be read: {error.strerror}.", where=str(path)) from None
