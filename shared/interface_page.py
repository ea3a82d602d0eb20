"""What an interface offers to programs, as a page of plain HTML: no script, no style, nothing that is loaded from anywhere."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: interface for programs</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{summary}. The interface for programs, version {version}; <a href="/openapi.json">its description as OpenAPI</a> has every
field of what is asked and answered.</p>
"""
_TAIL = "</main>\n</body>\n</html>\n"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""Of the page."""


def interface_page(description: Mapping[str, Any]) -> str:
    """The page.

    Args:
        description: the interface's, as OpenAPI has it.
    """
    told = {name: escape(description["info"].get(name, "")) for name in ("title", "summary", "version")}
    operations = (
        part
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        for part in _operation(f"{method.upper()} {path}", operation)
    )
    return _HEAD.format(**told) + "".join(operations) + _TAIL


def _operation(name: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{escape(name)}</code></h2>\n"
    text = operation.get("description") or operation["summary"]
    yield from (f"<p>{escape(paragraph)}</p>\n" for paragraph in text.split("\n\n"))
    parameters = {f"{one['name']} ({one['in']})": one.get("description", "") for one in operation.get("parameters", ())}
    if "requestBody" in operation:
        parameters["body"] = ", ".join(operation["requestBody"]["content"])
    yield from _list("What is asked with", parameters)
    answers = {status: one["description"] for status, one in sorted(operation["responses"].items())}
    yield from _list("Answers", answers)


def _list(head: str, entries: Mapping[str, str]) -> Iterator[str]:
    if entries:
        yield f"<h3>{head}</h3>\n<dl>\n"
        for name, text in entries.items():
            yield f"<dt><code>{escape(name)}</code></dt><dd>{escape(text)}</dd>\n"
        yield "</dl>\n"
