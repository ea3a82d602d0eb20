"""The command of a site's data manager: fedglmm-site split, init, check, serve. Ledger and approvals have files of their own."""

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.consortium import FILE_NAME as CONSORTIUM
from shared.consortium import in_short
from shared.dictionary import read_dictionary
from shared.errors import SettingsError
from shared.signing import read_identity
from shared.specification import Specification
from shared.tls import check_certificate
from shared.validation import in_words
from site_node.approvals_cli import approvals
from site_node.data.inference import infer, write_dictionary
from site_node.data.split import split as split_file
from site_node.folder import IDENTITY, write_site
from site_node.founding import FEWEST, write_consortium
from site_node.inspection import Inspection, inspect
from site_node.ledger_cli import ledger
from site_node.release.policy import PolicyName
from site_node.settings import HISTORY_NAME, LEDGER_NAME, SiteSettings, load_settings
from site_node.terminal import say, told

app = typer.Typer(
    name="fedglmm-site", help="What runs beside the rows.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(ledger)
app.add_typer(approvals)

Levels = Annotated[
    list[str] | None,
    typer.Option(help="COLUMN=a,b,c: a factor with exactly these levels, the reference first. May be repeated."),
]

_FROM_RESULT = "Give what a result has under `specification`; the analyst has it from `fedglmm export ID`."


@app.command()
def split(
    data: Annotated[Path, typer.Argument(help="a CSV or Parquet file")],
    *,
    by: Annotated[str, typer.Option(help="the column whose values become sites")],
    out: Annotated[Path, typer.Option(help="a folder that is empty or not there yet")],
    nodes: Annotated[int | None, typer.Option(min=1, help="deal the values out over so many sites")] = None,
    levels: Levels = None,
    policy: Annotated[PolicyName, typer.Option(help="of every site")] = "default",
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="without a consortium file: sites answer openly")
    ] = False,
) -> None:
    """Make a federation of one file: a dictionary, a folder a site, and a consortium file with everybody's public keys."""
    with told():
        federation = split_file(data, by, out, nodes=nodes, levels=_levels(levels))
        for share in federation.shares:
            write_site(
                out / share.folder,
                name=share.name,
                data=federation.data_name,
                dictionary="../dictionary.json",
                policy=policy,
                consortium=None if unmasked or len(federation.shares) < FEWEST else f"../{CONSORTIUM}",
            )
        if not unmasked and len(federation.shares) >= FEWEST:
            write_consortium(out, data.name, federation)
    _notes(federation.notes)
    say(f"{len(federation.shares)} sites in {out}. Next:")
    say(
        "- set a port in each site.toml if a coordinator must know it: 0 takes any that is free, a new one at every start;"
    )
    say(f"- fedglmm-site serve {out}/*/")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="the site's folder")],
    *,
    data: Annotated[Path, typer.Option(help="a CSV or Parquet file")],
    name: Annotated[str, typer.Option(help="what others call the site")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="where the site listens; 0: any that is free")] = 0,
    host: Annotated[str, typer.Option(help="where the site listens; beyond 127.0.0.1 it needs a key")] = "127.0.0.1",
    key_file: Annotated[
        str | None, typer.Option(help="a file with the key that the coordinator must show; relative to the folder")
    ] = None,
    ledger_file: Annotated[
        str, typer.Option("--ledger", help="where what leaves is written down; relative to the folder")
    ] = LEDGER_NAME,
    history: Annotated[
        str, typer.Option(help="where it is written down what was released; relative to the folder")
    ] = HISTORY_NAME,
    levels: Levels = None,
) -> None:
    """Write a commented site.toml and a signing key and, unless there is one, propose a dictionary."""
    with told():
        dictionary = folder / "dictionary.json"
        if levels and dictionary.exists():
            raise SettingsError(
                "levels are given, and there is a dictionary already.",
                where=str(dictionary),
                remedy="Edit the levels in it, or remove it first.",
            )
        proposal = None if dictionary.exists() else infer(data, levels=_levels(levels))
        write_site(
            folder,
            name=name,
            data=os.path.relpath(data.resolve(), folder.resolve()),
            dictionary=dictionary.name,
            host=host,
            port=port,
            key_file=key_file,
            ledger=ledger_file,
            history=history,
        )
        public_key = read_identity(folder / IDENTITY).public_hex
        if proposal is not None:
            write_dictionary(proposal.dictionary, dictionary)
            _notes(proposal.notes)
            say(f"{dictionary} is a proposal from this file: agree on it with the consortium before you use it.")
    say(f"Wrote {folder / 'site.toml'}. Next:")
    if port == 0:
        say("- set a port in it if the coordinator must know it: 0 takes any that is free, a new one at every start;")
    say(f"- {dictionary} must be the same file at every site and beside coordinator.toml: copy it there;")
    say(f"- fedglmm-site check {folder}")
    say(f"The site signs with the public key {public_key}: tell it whoever puts the consortium file together.")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="the site's folder")],
    specification: Annotated[Path | None, typer.Option(help="a specification to hold the data against")] = None,
) -> None:
    """Say what would be refused, and why, before anything is online, and the hash of the consortium file, to be read aloud."""
    with told():
        settings = load_settings(folder)
        _say_membership(settings, folder)
        check_certificate(settings.tls_certificate, settings.tls_key)
        settings.bearer_key()
        settings.fingerprint_secret()
        dictionary = read_dictionary(settings.dictionary)
        inspection = inspect(settings, dictionary, _specification(specification))
    _report(settings.name, inspection)
    if specification is None:
        say(
            "Floors of outcomes within levels depend on the model: give --specification to check those as well. "
            + _FROM_RESULT
        )
    raise typer.Exit(0 if inspection.sound else 1)


@app.command()
def serve(
    folders: Annotated[list[Path], typer.Argument(help="folders with a site.toml each")],
    announce: Annotated[Path | None, typer.Option(help="a file to be told the sites' URLs")] = None,
) -> None:
    """Serve one site, or several on their own ports, until interrupted."""
    from site_node.hosting import run  # noqa: PLC0415 -- the web server and the mathematics: the other commands start sooner

    with told():
        run([load_settings(folder) for folder in folders], announce)


def _say_membership(settings: SiteSettings, folder: Path) -> None:
    agreed, own = settings.agreed(), (folder if folder.is_dir() else folder.parent) / IDENTITY
    if agreed is not None:
        say(in_short(agreed[0]))
        say(f"This site signs with the public key {agreed[1].public_hex}")
    elif own.exists():
        say(f"No consortium file is set. This site will sign with the public key {read_identity(own).public_hex}")


def _notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        Console(stderr=True).print(f"Note: {note}", soft_wrap=True, highlight=False, markup=False)


def _levels(options: list[str] | None) -> dict[str, list[str]]:
    chosen = {}
    for option in options or []:
        column, sign, listed = option.partition("=")
        if not (column and sign and listed):
            raise SettingsError(
                "levels are not given as COLUMN=a,b,c.", where="--levels", remedy="Name the column and its levels."
            )
        chosen[column] = [level.strip() for level in listed.split(",")]
    return chosen


def _specification(path: Path | None) -> Specification | None:
    if path is None:
        return None
    try:
        return Specification.model_validate_json(path.read_bytes())
    except OSError:
        raise SettingsError("it cannot be read.", where=str(path), remedy="Name a specification's file.") from None
    except ValidationError as error:
        words = in_words(error, Specification)
        message = f"it is no specification: {words.message}"
        raise SettingsError(message, where=words.where_in(path), remedy=_FROM_RESULT) from None


def _report(name: str, inspection: Inspection) -> None:
    columns = ("variable", "type", "levels", "missing", "what is wrong")
    table = Table(*columns, title=f"{name}: {inspection.rows} rows", title_justify="left")
    for report in inspection.variables:
        lacking = ", ".join(report.unknown_levels)
        wrong = f"{report.problem} The dictionary lacks: {lacking}." if lacking else report.problem
        missing = "" if report.problem else str(report.missing)
        levels = escape(", ".join(report.variable.coded_levels))
        table.add_row(escape(report.variable.name), report.variable.type, levels, missing, escape(wrong))
    Console().print(table)
    if inspection.problem or any(report.problem for report in inspection.variables):
        say(
            "Row 1 is the first below the header: row N is line N + 1 of a CSV file in which no cell holds a line break "
            "and no line is empty."
        )
    if inspection.problem:
        say(f"The specification cannot be carried out here: {inspection.problem}")
    for breach in inspection.refused:
        of = f" ({breach.variable})" if breach.variable else ""
        say(f"Would be refused, {breach.code}{of}: {breach.message} {breach.remedy}")
    if inspection.sound:
        say("Nothing was found that would be refused.")
