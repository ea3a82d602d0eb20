"""What an interface's description says of errors: every one is a Problem. Plain values; it knows no web framework."""

from collections.abc import Iterator
from typing import Any

from shared.messages import Problem

PROBLEM_TYPE = "application/problem+json"

_SAID = {
    401: ("The key is missing or wrong", "unauthorised", "the key is missing or wrong.", "Send the key."),
    403: (
        "Refused by a rule of the site",
        "too_few_rows",
        "the site has too few rows for this model.",
        "Leave it out.",
    ),
    404: ("There is no such analysis", "unknown_analysis", "there is no such analysis here.", "See what there is."),
    408: ("The body took too long", "too_slow", "the body took too long to come.", "Send it faster."),
    409: ("Not as things stand", "conflict", "it cannot be done as things stand.", "See `message`."),
    413: ("The body is too large", "too_large", "the body is larger than it may be.", "Send less."),
    422: ("The request or the data are not valid", "request", "the field `formula` is missing.", "Add it."),
    500: ("An unforeseen fault", "unforeseen", "it failed in a way that it did not foresee.", "Look at its log."),
    503: ("The database cannot be used", "store", "the database cannot be written.", "Make room on the disk."),
}


def problems(*statuses: int, **described: str) -> dict[int | str, dict[str, Any]]:
    """These statuses in the form that a route's `responses` have.

    Args:
        statuses: HTTP statuses.
        described: other descriptions than the usual ones, as `s409="there is no result yet"`.
    """
    return {status: _answer(status, described.get(f"s{status}")) for status in statuses}


def _answer(status: int, described: str | None) -> dict[str, Any]:
    description, code, message, remedy = _SAID[status]
    example = Problem(code=code, message=message, where="", remedy=remedy).model_dump(mode="json")
    content = {"schema": Problem.model_json_schema(), "example": example}
    return {"description": described or description, "content": {PROBLEM_TYPE: content}}


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
