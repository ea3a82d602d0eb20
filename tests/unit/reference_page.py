"""docs/reference.md: every command and option, every field of every file, every operation, from the code that obeys them."""

import html
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from pydantic import BaseModel
from typer.cli import get_docs_for_click

import coordinator.cli
import coordinator.client.cli
import site_node.cli
from coordinator.access.keys import Key
from coordinator.client.terminal import EXIT_CODES
from coordinator.settings import Settings
from shared.consortium import Consortium
from shared.dictionary import Dictionary
from shared.request import AnalysisRequest
from site_node.app import create_app
from site_node.settings import SiteSettings
from tests.federation.fake_sites import build, honest_sites
from tests.federation.one_site import Site

COMMANDS = {
    "fedglmm": coordinator.client.cli.app,
    "fedglmm-site": site_node.cli.app,
    "fedglmm-coordinator": coordinator.cli.app,
}
FILES: dict[str, type[BaseModel]] = {
    "site.toml": SiteSettings,
    "coordinator.toml": Settings,
    "dictionary.json": Dictionary,
    "keys.toml, [[keys]]": Key,
    "The consortium file": Consortium,
    "A request (`POST /v1/analyses`, `fedglmm fit FILE.json`)": AnalysisRequest,
}
INTRODUCTION = """# Reference

Made from the code by `make reference`; a test holds it current. What the words mean is told elsewhere: [formulas](formula.md),
[the dictionary](dictionary.md), [settings and running](operations.md), [messages](protocol.md), [the policy](policy.md)."""
DEFINED = "#/$defs/"


def document() -> str:
    """The page, in Markdown."""
    parts = [INTRODUCTION, "## Commands", *commands(), "### Exit codes of `fedglmm`", exit_codes(), "## Files"]
    parts += [part for title, model in FILES.items() for part in fields(title, model)]
    parts += ["## Operations", *operations()]
    return "\n\n".join(parts) + "\n"


def commands() -> Iterator[str]:
    """Of all three programs, two levels of headings down."""
    for name, app in COMMANDS.items():
        command = typer.main.get_command(app)
        context = typer.Context(command, info_name=name)
        written = get_docs_for_click(obj=command, ctx=context, name=name)
        lines = (f"##{line}" if line.startswith("#") else line.rstrip() for line in written.splitlines())
        yield html.unescape("\n".join(lines)).strip()


def exit_codes() -> str:
    """What a script may go by."""
    return _markdown(("code", "means"), [(f"`{code}`", meaning) for code, meaning in EXIT_CODES.items()])


def fields(title: str, model: type[BaseModel]) -> Iterator[str]:
    """A table of what a file may say, and one for each kind of entry in it."""
    schema = model.model_json_schema()
    yield f"### {title}"
    yield from _table(schema)
    for name, entry in schema.get("$defs", {}).items():
        if "properties" in entry:
            yield f"#### {name}, in it"
            yield from _table(entry)


def operations() -> Iterator[str]:
    """What both servers answer."""
    with TemporaryDirectory() as folder:
        apps = {"coordinator": build(Path(folder), honest_sites()), "site": create_app(Site(Path(folder)).settings)}
        for side, app in apps.items():
            yield f"### The {side}"
            described = app.openapi()["paths"]
            rows = [_operation(method, path, one) for path, ways in described.items() for method, one in ways.items()]
            yield _markdown(("operation", "does", "answers"), rows)


def _operation(method: str, path: str, described: Mapping[str, Any]) -> tuple[str, ...]:
    about = described.get("description", described["summary"]).split("\n\n")[0]
    return f"`{method.upper()} {path}`", " ".join(about.split()), ", ".join(sorted(described["responses"]))


def _table(schema: Mapping[str, Any]) -> Iterator[str]:
    if about := schema.get("description"):
        yield " ".join(about.split())
    required = schema.get("required", ())
    rows = [
        (f"`{name}`", _kind(one), "required" if name in required else _default(one), one.get("description", ""))
        for name, one in schema["properties"].items()
    ]
    yield _markdown(("field", "is", "unless given", "what it is for"), rows)


def _kind(schema: Mapping[str, Any]) -> str:
    """A JSON schema's type in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(DEFINED)
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "anyOf" in schema or "oneOf" in schema:
        either = schema.get("anyOf") or schema["oneOf"]
        return " or ".join(dict.fromkeys(_kind(one) for one in either if one.get("type") != "null"))
    if schema.get("type") == "array":
        return "several" if "items" not in schema else f"several: {_kind(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"by name: {_kind(schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("type", "value")).replace("boolean", "`true` or `false`")


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    if default in (None, [], "", {}):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _markdown(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, ("-",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(document())
