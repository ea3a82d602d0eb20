"""The analyst's command: fedglmm rehearse, demo, fit, and those about analyses that a coordinator has."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from coordinator.client import analyses
from coordinator.client.asks import request_of
from coordinator.client.connection import Coordinator
from coordinator.client.demo import run_demo
from coordinator.client.federation import Policy, federation
from coordinator.client.rehearsing import check_request
from coordinator.client.terminal import (
    DEFAULT_URL,
    EXIT_CODES,
    CaFile,
    Json,
    KeyFile,
    Url,
    finish,
    key_in,
    told,
)
from coordinator.client.verification import read_result
from coordinator.client.verification import verify as verified
from coordinator.client.watching import round_table, watched
from shared.consortium import read_consortium
from shared.errors import RequestError
from shared.families import LINKS
from shared.request import AnalysisRequest

app = typer.Typer(
    help="Estimate one mixed-effects model over sites that keep their rows.",
    no_args_is_help=True,
    epilog="Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + ".",
    pretty_exceptions_enable=False,
)

_LINKS = "; ".join(f"{family}: {', '.join(links)}" for family, links in LINKS.items())
Family = Annotated[str, typer.Option(help=f"of the response: {', '.join(LINKS)}")]
Link = Annotated[str | None, typer.Option(help=f"{_LINKS}; the first unless given")]
Weights = Annotated[str | None, typer.Option(help="a column of prior weights, or of sizes for a proportion")]
Points = Annotated[
    str,
    typer.Option(
        "--quadrature-points", "--nAGQ", help="of one random effect a group; 1 is Laplace, auto finds out how many"
    ),
]
Reml = Annotated[bool, typer.Option("--reml", "--REML", help="the restricted likelihood, for a gaussian family")]
MODEL = ("family", "link", "weights", "random_effect_sd", "quadrature_points", "reml", "sites")
"""Options that are fields of a request."""
LONGEST_NUMBER = 9
"""Digits."""
KnownSd = Annotated[float | None, typer.Option(help="fix the standard deviation of a single random effect")]


@app.command()
def rehearse(
    data: Annotated[Path, typer.Argument(help="a CSV or Parquet file")],
    formula: Annotated[str, typer.Argument(help="as lme4 writes it: 'y ~ x + (1 | site)'")],
    *,
    site: Annotated[str, typer.Option(help="the column whose values become sites; the model calls it `site`")],
    family: Family = "binomial",
    link: Link = None,
    nodes: Annotated[int | None, typer.Option(min=1, help="deal the values out over so many sites")] = None,
    levels: Annotated[list[str] | None, typer.Option(help="COLUMN=a,b,c, the reference level first")] = None,
    numbers: Annotated[
        list[str] | None, typer.Option(help="a COLUMN whose whole numbers all differ and identify nobody")
    ] = None,
    weights: Weights = None,
    random_effect_sd: KnownSd = None,
    quadrature_points: Points = "1",
    reml: Reml = False,
    policy: Annotated[Policy, typer.Option(help="of every site; open is for public data")] = "default",
    unmasked: Annotated[bool, typer.Option("--unmasked", help="let sites answer openly, for comparison")] = False,
    wire: Annotated[Path | None, typer.Option(help="a new file for all that crosses to and from the sites")] = None,
    as_json: Json = False,
) -> None:
    """Rehearse a federation on one file: real sites and a real coordinator on this machine, the real protocol."""
    with told():
        request = request_of(
            formula=formula,
            family=family,
            link=link,
            weights=weights,
            random_effect_sd=random_effect_sd,
            quadrature_points=_points(quadrature_points),
            reml=reml,
        )
        split = [str(data), "--by", site]
        split += ["--nodes", str(nodes)] if nodes is not None else []
        split += ["--unmasked"] if unmasked else []
        for level in levels or []:
            split += ["--levels", level]
        for number in numbers or []:
            split += ["--numbers", number]
        check = partial(check_request, request, policy=policy, column=site if nodes is None else None)
        with federation(split, policy, wire, check) as url, Coordinator(url) as coordinator:
            fit = coordinator.wait(coordinator.submit(request), round_table)
    finish(fit, as_json=as_json)


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="the trials' file; the repository's own unless given")] = None,
) -> None:
    """Fit the long-term beta-blocker trials, each trial a site, and hold the result against glmmTMB's."""
    with told():
        run_demo(data, round_table)


@app.command()
def fit(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="a formula, or a JSON file with an AnalysisRequest")],
    *,
    coordinator: Url = DEFAULT_URL,
    family: Family = "binomial",
    link: Link = None,
    weights: Weights = None,
    random_effect_sd: KnownSd = None,
    quadrature_points: Points = "1",
    reml: Reml = False,
    sites: Annotated[str | None, typer.Option(help="comma-separated; all unless given")] = None,
    key_file: KeyFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Estimate a model with a running coordinator, and wait for it."""
    with told():
        if what.endswith(".json"):
            _refuse_options(context)
            request = _request_in(Path(what))
        else:
            roster = tuple(name.strip() for name in sites.split(",")) if sites else None
            request = request_of(
                formula=what,
                family=family,
                link=link,
                weights=weights,
                random_effect_sd=random_effect_sd,
                quadrature_points=_points(quadrature_points),
                reml=reml,
                sites=roster,
            )
        with Coordinator(coordinator, key_in(key_file), ca_file=ca_file) as connection:
            found = watched(connection, connection.submit(request), key_file)
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
    typer.echo(words)


app.add_typer(analyses.app)


def _refuse_options(context: typer.Context) -> None:
    """A request file says all of the model: an option beside it would be ignored."""
    sources = {name: context.get_parameter_source(name) for name in MODEL}
    given = [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise RequestError("a request file says all of the model.", where=options, remedy="Write it into the file.")


def _points(text: str) -> int | str:
    """A number, or what stands for one: the request's own rules judge it."""
    return int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else text


def _request_in(path: Path) -> AnalysisRequest:
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"it cannot be read: {error}.", where=str(path), remedy="Give a JSON file.") from None
    if not isinstance(fields, dict):
        raise RequestError("it holds no JSON object.", where=str(path), remedy='Write {"formula": ...}.')
    return request_of(**fields)
