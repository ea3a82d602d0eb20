"""What an interface offers to programs, as a page with its style in it: no script, nothing that is loaded from anywhere."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from shared.openapi import PROBLEM_TYPE
from shared.page.templates import templates_in

_PAGE = Path(__file__).parent / "page"
_JSON = "application/json"
_DEFINED = "#/components/schemas/"


@cache
def headers() -> Mapping[str, str]:
    """Of the page: what it may use is its own style."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }


def interface_page(description: Mapping[str, Any]) -> str:
    """The page.

    Args:
        description: the interface's, as OpenAPI has it.
    """
    schemas = description.get("components", {}).get("schemas", {})
    operations = [
        _operation(f"{method.upper()} {path}", operation, schemas)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    info = {"summary": "", **description["info"]}
    template = templates_in(_PAGE, {"coded": _coded}, {}).get_template("interface.html")
    return template.render(info=info, operations=operations, style=Markup(_style()))  # noqa: S704 -- the package's own


@cache
def _style() -> str:
    return (_PAGE / "static" / "page.css").read_text(encoding="utf-8")


def _operation(name: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """An operation as the template shows it."""
    body = operation.get("requestBody", {}).get("content", {})
    return {
        "name": name,
        "anchor": operation["operationId"],
        "text": (operation.get("description") or operation["summary"]).split("\n\n"),
        "parameters": [{"description": "", "required": False} | one for one in operation.get("parameters", ())],
        "bodies": _examples(body.get(_JSON, {}), schemas),
        "answers": [_answer(status, one, schemas) for status, one in sorted(operation["responses"].items())],
    }


def _answer(status: str, answer: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    content = answer.get("content", {})
    return {
        "status": status,
        "description": answer["description"],
        "problem": content.get(PROBLEM_TYPE, {}).get("example"),
        "example": next(iter(_examples(content.get(_JSON, {}), schemas).values()), ""),
    }


def _examples(content: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, str]:
    """Those of a body by their names, or else the first of its schema."""
    shown = {name: one["value"] for name, one in content.get("examples", {}).items()}
    if "example" in content:
        shown[""] = content["example"]
    if not shown:
        schema = content.get("schema", {})
        named = schema.get("$ref", "").removeprefix(_DEFINED)
        shown = dict(zip(("",), schemas.get(named, schema).get("examples", ()), strict=False))
    return {name: json.dumps(one, indent=2, ensure_ascii=False) for name, one in shown.items()}


def _coded(text: str) -> Markup:
    """What stands between backticks, as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))  # noqa: S704 -- escaped before
