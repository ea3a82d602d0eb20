"""The command that looks before anything is online: fedglmm-site check."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.consortium import in_short
from shared.dictionary import read_dictionary
from shared.errors import SettingsError
from shared.signing import read_identity
from shared.specification import Specification
from shared.tls import check_certificate
from shared.validation import in_words
from site_node.folder import IDENTITY
from site_node.inspection import Inspection, inspect
from site_node.remarks import remarks
from site_node.settings import SiteSettings, load_settings
from site_node.terminal import say, told

_FROM_RESULT = "Give what a result has under `specification`; the analyst has it from `fedglmm export ID`."
_OF_FILE = (
    "Row 1 is the first below the header: row N is line N + 1 of a CSV file in which no cell holds a line break "
    "and no line is empty."
)
_OF_QUERY = "Row N is the Nth that the query gives: with ORDER BY it is the same one every time."


def check(
    folder: Annotated[Path, typer.Argument(help="the site's folder")],
    specification: Annotated[Path | None, typer.Option(help="a specification to hold the data against")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print what was found as JSON, and nothing else")] = False,
) -> None:
    """Say what would be refused, and why, before anything is online, and the hash of the consortium file, to be read aloud."""
    with told():
        settings = load_settings(folder)
        membership = _membership(settings, folder)
        check_certificate(settings.tls_certificate, settings.tls_key)
        settings.bearer_key()
        settings.fingerprint_secret()
        dictionary = read_dictionary(settings.dictionary)
        inspection = inspect(settings, dictionary, _specification(specification))
    said = remarks(inspection, settings.policy)
    if as_json:
        typer.echo(json.dumps(_as_json(settings.name, inspection, said), indent=2, ensure_ascii=False))
        raise typer.Exit(0 if inspection.sound else 1)
    for line in membership:
        say(line)
    _report(settings, inspection)
    for line in said:
        say(line)
    if specification is None:
        say(
            "Floors of outcomes within levels depend on the model: give --specification to check those as well. "
            + _FROM_RESULT
        )
    raise typer.Exit(0 if inspection.sound else 1)


def _membership(settings: SiteSettings, folder: Path) -> list[str]:
    agreed, own = settings.agreed(), (folder if folder.is_dir() else folder.parent) / IDENTITY
    if agreed is not None:
        return [in_short(agreed[0]), f"This site signs with the public key {agreed[1].public_hex}"]
    if own.exists():
        return [f"No consortium file is set. This site will sign with the public key {read_identity(own).public_hex}"]
    return []


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


def _report(settings: SiteSettings, inspection: Inspection) -> None:
    columns = ("variable", "type", "levels", "missing", "what is wrong")
    table = Table(*columns, title=f"{settings.name}: {inspection.rows} rows", title_justify="left")
    for report in inspection.variables:
        lacking = ", ".join(report.unknown_levels)
        wrong = f"{report.problem} The dictionary lacks: {lacking}." if lacking else report.problem
        missing = "" if report.problem else str(report.missing)
        levels = escape(", ".join(report.variable.coded_levels))
        table.add_row(escape(report.variable.name), report.variable.type, levels, missing, escape(wrong))
    Console(emoji=False).print(table)
    if inspection.problem or any(report.problem for report in inspection.variables):
        say(_OF_FILE if settings.source is None else _OF_QUERY)
    if inspection.problem:
        say(f"The specification cannot be carried out here: {inspection.problem}")
    for breach in inspection.refused:
        of = f" ({breach.variable})" if breach.variable else ""
        say(f"Would be refused, {breach.code}{of}: {breach.message} {breach.remedy}")
    if inspection.sound:
        say("Nothing was found that would be refused.")


def _as_json(name: str, inspection: Inspection, said: tuple[str, ...]) -> dict[str, Any]:
    variables = [
        {"name": report.variable.name, "type": report.variable.type, "levels": list(report.variable.coded_levels)}
        | {key: value for key, value in dataclasses.asdict(report).items() if key != "variable"}
        for report in inspection.variables
    ]
    whole = {key: value for key, value in dataclasses.asdict(inspection).items() if key != "variables"}
    return {"site": name, "sound": inspection.sound, **whole, "variables": variables, "remarks": list(said)}
