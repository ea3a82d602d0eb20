"""What is wrong with a request in words, in the places where FastAPI finds it: a body, or a field of one."""

from pydantic import BaseModel

from shared.validation import NEEDS, NO_OBJECT, Faults, Words, in_words

UNREADABLE = 400
"""The status by which FastAPI says that a body is no text, before any field of it was looked at."""
NO_TEXT = Words("body", "the body is not JSON in UTF-8.", "Send JSON in UTF-8.")
_HEADER = "-H 'Content-Type: application/json'"


def request_in_words(error: Faults, model: type[BaseModel] | None = None) -> Words:
    """The first fault of a request.

    Args:
        error: FastAPI's RequestValidationError.
        model: what the body should be; without it the fields that there are cannot be named, nor are those of a query.
    """
    first = error.errors()[0]
    kind, place = first["type"], first["loc"]
    if kind == "json_invalid":
        return Words(f"body, character {place[-1] + 1}", "the body is not JSON.", NEEDS)
    if place == ("body",) and kind in NO_OBJECT:
        return Words("body", "the body is no JSON object.", f"Send {{...}}, and with curl also {_HEADER}.")
    if place == ("body",) and kind == "missing":
        return Words("body", "the body is missing.", f"Send JSON: with curl, -d '{{...}}' {_HEADER}.")
    return in_words(error, model if place[:1] == ("body",) else None)
