"""The analyst's command: fedglmm rehearse, demo, fit, and those about analyses that a coordinator has."""

import json
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from coordinator.client import analyses
from coordinator.client.asks import request_of
from coordinator.client.connection import Coordinator
from coordinator.client.demo import run_demo
from coordinator.client.federation import Policy, federation
from coordinator.client.options import Access, Model, Split
from coordinator.client.rehearsing import check_request
from coordinator.client.terminal import EXIT_CODES, Json, finish, say, told
from coordinator.client.verification import read_result
from coordinator.client.verification import verify as verified
from coordinator.client.watching import round_table, watched
from shared.consortium import read_consortium
from shared.errors import RequestError
from shared.grouping import grouped
from shared.request import AnalysisRequest

app = typer.Typer(
    help="Estimate one mixed-effects model over sites that keep their rows.",
    no_args_is_help=True,
    epilog="Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + ".",
    pretty_exceptions_enable=False,
)

MODEL = (*(field.name for field in fields(Model)), "sites")
"""Options that are fields of a request."""


@app.command()
@grouped
def rehearse(
    data: Annotated[Path, typer.Argument(help="a CSV or Parquet file")],
    formula: Annotated[str, typer.Argument(help="as lme4 writes it: 'y ~ x + (1 | site)'")],
    *,
    split: Split,
    model: Model,
    policy: Annotated[Policy, typer.Option(help="of every site; open is for public data")] = "default",
    wire: Annotated[Path | None, typer.Option(help="a new file for all that crosses to and from the sites")] = None,
    as_json: Json = False,
) -> None:
    """Rehearse a federation on one file: real sites and a real coordinator on this machine, the real protocol."""
    with told():
        request = model.request(formula)
        check = partial(check_request, request, policy=policy, column=split.site, dealt=split.nodes is not None)
        with federation(split.arguments(data), policy, wire, check) as url, Coordinator(url) as coordinator:
            fit = coordinator.wait(coordinator.submit_request(request), round_table)
    finish(fit, as_json=as_json)


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="the trials' file; the repository's own unless given")] = None,
) -> None:
    """Fit the long-term beta-blocker trials, each trial a site, and hold the result against glmmTMB's."""
    with told():
        run_demo(data, round_table)


@app.command()
@grouped
def fit(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="a formula, or a JSON file with an AnalysisRequest")],
    *,
    access: Access,
    model: Model,
    sites: Annotated[str | None, typer.Option(help="comma-separated; all unless given")] = None,
    as_json: Json = False,
) -> None:
    """Estimate a model with a running coordinator, and wait for it."""
    with told():
        if what.endswith(".json"):
            _refuse_options(context)
            request = _request_in(Path(what))
        else:
            roster = tuple(name.strip() for name in sites.split(",") if name.strip()) if sites else None
            request = model.request(what, roster)
        with access.connection() as connection:
            found = watched(connection, connection.submit_request(request), access)
    finish(found, as_json=as_json)


@app.command()
def verify(
    result: Annotated[Path, typer.Argument(help="a result, as `fedglmm export` writes it")],
    *,
    consortium: Annotated[Path, typer.Option(help="the agreed file, from somebody whom you trust with it")],
) -> None:
    """Say which sites signed a result, and whether its estimates are what they signed: 0 if all did, 1 if not."""
    with told():
        words = verified(read_result(result), read_consortium(consortium))
    say(words)


app.add_typer(analyses.app)


def _refuse_options(context: typer.Context) -> None:
    """A request file says all of the model: an option beside it would be ignored."""
    sources = {name: context.get_parameter_source(name) for name in MODEL}
    given = [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise RequestError("a request file says all of the model.", where=options, remedy="Write it into the file.")


def _request_in(path: Path) -> AnalysisRequest:
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RequestError(f"it cannot be read: {reason}.", where=str(path), remedy="Give a JSON file.") from None
    if not isinstance(fields, dict):
        raise RequestError("it holds no JSON object.", where=str(path), remedy='Write {"formula": ...}.')
    return request_of(**fields)
