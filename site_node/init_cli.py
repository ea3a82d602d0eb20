"""The command that makes a new site: fedglmm-site init. It asks for what no option says, if somebody is there to answer."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from shared.errors import SettingsError
from shared.grouping import grouped
from shared.signing import read_identity
from shared.validation import in_words
from site_node.data.inference import Proposal, infer_from, write_dictionary
from site_node.data.opening import Place, open_rows
from site_node.folder import IDENTITY, Database, NewSite, write_site
from site_node.proposing import shareable
from site_node.questions import Answers, Prompt, ask_of_rows, ask_of_site
from site_node.settings import FILE_NAME, HISTORY_NAME, LEDGER_NAME
from site_node.source_settings import SourceSettings
from site_node.terminal import Types, note, say, told

DICTIONARY = "dictionary.json"
_SQLITE = "sqlite:///"


@grouped
def init(
    folder: Annotated[Path, typer.Argument(help="the site's folder")],
    *,
    given: Answers,
    types: Types,
    ledger_file: Annotated[
        str, typer.Option("--ledger", help="where what leaves is written down; relative to the folder")
    ] = LEDGER_NAME,
    history: Annotated[
        str, typer.Option(help="where it is written down what was released; relative to the folder")
    ] = HISTORY_NAME,
) -> None:
    """Write a commented site.toml and a signing key and, unless there is one, propose a dictionary.

    What --name, and --data or --database and --query, do not say is asked, eight questions at most.
    """
    dictionary = folder / DICTIONARY
    with told():
        _check(given, folder, chosen=types.are_told or bool(given.privacy_unit))
        answers, proposal = _asked(given, folder, types)
        write_site(folder, _site(answers, folder, ledger_file, history))
        public_key = read_identity(folder / IDENTITY).public_hex
        if proposal is not None:
            _propose(proposal, dictionary)
    say(f"Wrote {folder / FILE_NAME}. Next:")
    if not answers.port:
        say("- set a port in it if the coordinator must know it: 0 takes any that is free, a new one at every start;")
    say(f"- {dictionary} must be the same file at every site and beside coordinator.toml: copy it there;")
    say(f"- fedglmm-site check {folder}")
    say(f"The site signs with the public key {public_key}: tell it whoever puts the consortium file together.")


def _check(given: Answers, folder: Path, *, chosen: bool) -> None:
    """What can be said before anything is asked or read."""
    dictionary, settings = folder / DICTIONARY, folder / FILE_NAME
    if settings.exists():
        raise SettingsError("the file exists.", where=str(settings), remedy="Edit it, or remove it first.")
    if chosen and dictionary.exists():
        raise SettingsError(
            "levels are given, or groups, numbers or a privacy unit, and there is a dictionary already.",
            where=str(dictionary),
            remedy="Edit it, or remove it first.",
        )
    if given.data is not None and given.database is not None:
        raise SettingsError(
            "the rows are either in a file or in a database.", where="--data", remedy="Leave --data or --database out."
        )


def _asked(given: Answers, folder: Path, types: Types) -> tuple[Answers, Proposal | None]:
    """What is known of the site once it was asked for, and a dictionary of its rows unless there is one."""
    levels = types.levels_by_column()
    prompt = None if given.suffice else _terminal()
    answers = given if prompt is None else ask_of_rows(given, prompt)
    if (folder / DICTIONARY).exists():
        return (answers if prompt is None else ask_of_site(answers, (), prompt)), None
    with open_rows(_rows(answers, folder)) as columns:
        answers = answers if prompt is None else ask_of_site(answers, columns.file.names, prompt)
        units = () if answers.privacy_unit is None else (answers.privacy_unit,)
        groups = (*units, *(types.groups or ()))
        inferred = infer_from(columns.file, groups=groups, levels=levels, numbers=types.numbers or ())
        return answers, shareable(columns.file, inferred, levels, answers.privacy_unit)


def _site(answers: Answers, folder: Path, ledger: str, history: str) -> NewSite:
    return NewSite(
        name=answers.name or "",
        data=_data(answers, folder),
        dictionary=DICTIONARY,
        host=answers.host or "127.0.0.1",
        port=answers.port or 0,
        key_file=answers.key_file,
        ledger=ledger,
        history=history,
    )


def _terminal() -> Prompt:
    if not sys.stdin.isatty():
        raise SettingsError(
            "a site needs a name and rows, and nobody is there to be asked.",
            where="--name, --data",
            remedy="Give --name and --data FILE; or --name, --database URL and --query SELECT.",
        )
    return lambda question, default: str(typer.prompt(question, default=default, show_default=bool(default))).strip()


def _rows(answers: Answers, folder: Path) -> Place:
    if answers.data is not None:
        return answers.data
    try:
        source = SourceSettings(
            url=_absolute(answers.database or ""),
            query=answers.query or "",
            password_file=None if answers.password_file is None else folder / answers.password_file,
            password_env=answers.password_env,
        )
    except ValidationError as error:
        told_of = in_words(error, SourceSettings)
        raise SettingsError(told_of.message, where="--database, --query", remedy="Mend it.") from None
    return source.asked()


def _data(answers: Answers, folder: Path) -> str | Database:
    if answers.data is not None:
        return os.path.relpath(answers.data.resolve(), folder.resolve())
    url = _absolute(answers.database or "")
    return Database(url, answers.query or "", answers.password_file, answers.password_env)


def _absolute(url: str) -> str:
    """A relative path of SQLite's is that of where the command runs, and would be another in the site's folder."""
    return f"{_SQLITE}{Path(url.removeprefix(_SQLITE)).absolute()}" if url.startswith(_SQLITE) else url


def _propose(proposal: Proposal, path: Path) -> None:
    write_dictionary(proposal.dictionary, path)
    for text in proposal.notes:
        note(text)
    say(f"{path} is a proposal from these rows: agree on it with the consortium before you use it.")
    say(
        "The others will read it, so read it first: levels are words from your rows, and ranges are theirs, rounded outward."
    )
