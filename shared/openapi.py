"""What an interface's description says of errors: every one is a Problem. Plain values; it knows no web framework."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.codes import INTERNAL, TOO_LARGE, TOO_SLOW, UNAUTHORISED
from shared.errors import RequestError, StoreError, UnknownAnalysisError
from shared.messages import Problem

PROBLEM_TYPE = "application/problem+json"
_PROBLEM = Problem.model_json_schema()


class Example(NamedTuple):
    """An error as a description shows it."""

    description: str
    code: str
    message: str
    remedy: str


USUAL = {
    401: Example(
        "The key is missing, wrong, or not valid any more",
        UNAUTHORISED,
        "the key is missing or wrong.",
        "Send the key.",
    ),
    403: Example(
        "Refused by a rule of the site", "too_few_rows", "the site has too few rows for this model.", "Leave it out."
    ),
    404: Example(
        "There is no such analysis", UnknownAnalysisError.code, "there is no such analysis here.", "See what there is."
    ),
    408: Example("The body took too long", TOO_SLOW, "the body took too long to come.", "Send it faster."),
    413: Example("The body is too large", TOO_LARGE, "the body is larger than it may be.", "Send less."),
    422: Example(
        "The request or the data are not valid", RequestError.code, "the field `formula` is missing.", "Add it."
    ),
    500: Example("An unforeseen fault", INTERNAL, "it failed in a way that it did not foresee.", "Look at its log."),
    503: Example(
        "The database cannot be used", StoreError.code, "the database cannot be written.", "Make room on the disk."
    ),
}


def problems(*usual: int, other: Mapping[int, Example] | None = None) -> dict[int | str, dict[str, Any]]:
    """Errors in the form that a route's `responses` have.

    Args:
        usual: statuses that need no further words.
        other: those that do.
    """
    shown = {status: USUAL[status] for status in usual} | dict(other or {})
    return {status: _answer(example) for status, example in shown.items()}


def _answer(example: Example) -> dict[str, Any]:
    problem = Problem(code=example.code, message=example.message, where="", remedy=example.remedy)
    content = {"schema": _PROBLEM, "example": problem.model_dump(mode="json")}
    return {"description": example.description, "content": {PROBLEM_TYPE: content}}


def tagged(description: dict[str, Any]) -> dict[str, Any]:
    """The description, with the fields that tell the kinds of a union apart as what they are: needed.

    Pydantic leaves them out of `required`, because in Python they have a default.
    """
    schemas = description["components"]["schemas"]
    for discriminator in _discriminators(description):
        for reference in discriminator["mapping"].values():
            schema = schemas[reference.rpartition("/")[2]]
            needed = schema.setdefault("required", [])
            if discriminator["propertyName"] not in needed:
                needed.append(discriminator["propertyName"])
    return description


def _discriminators(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "discriminator" in part:
            yield part["discriminator"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _discriminators(inner)
