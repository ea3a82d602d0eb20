"""Validation errors in words: where, what, and what to do. A field's name is said; what stands in it never is."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, Protocol, get_args

from pydantic import BaseModel

NEEDS = "JSON needs double quotes around names and texts, and a value after every colon."
NO_OBJECT = frozenset({"model_type", "model_attributes_type", "dict_type", "dataclass_type"})
"""Pydantic's names of what is wrong where something else than an object stands."""
_LONGEST_NAME = 60
"""Characters of an unknown field's name that are said."""
_EXAMPLE = ', such as ["hospital-a"]'

Place = tuple[int | str, ...]


class Faults(Protocol):
    """A pydantic ValidationError, or FastAPI's RequestValidationError."""

    def errors(self) -> Sequence[Any]:
        """The faults that were found."""


class Words(NamedTuple):
    """What to tell."""

    where: str
    message: str
    remedy: str

    def where_in(self, file: Path) -> str:
        """The place, in a file."""
        return f"{file}: {self.where}" if self.where else str(file)


class _Fault(NamedTuple):
    place: Place
    context: Mapping[str, Any]
    text: str
    model: type[BaseModel] | None


def in_words(error: Faults, model: type[BaseModel] | None = None) -> Words:
    """The first fault of an error; an unknown field comes first, because a misspelt one is missing as well.

    Args:
        error: what pydantic or FastAPI raised.
        model: what was wanted; without it the fields that there are cannot be named. Its `also_called`, if it has one,
            maps names that a field has elsewhere to its own.
    """
    faults = error.errors()
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    place = first["loc"]
    told = _WORDS.get(first["type"], _as_pydantic_says)
    return told(_Fault(place, first.get("ctx", {}), first["msg"], model))


def _unknown(fault: _Fault) -> Words:
    *inside, name = fault.place
    models = _models_at(fault.model, inside)
    fields = [field for one in models for field in one.model_fields]
    elsewhere = {word: own for one in models for word, own in getattr(one, "also_called", {}).items()}
    nearest = [elsewhere[name]] if name in elsewhere else get_close_matches(str(name), fields, n=1)
    listed = f"The fields are: {', '.join(fields)}." if fields else ""
    remedy = f"Did you mean `{nearest[0]}`?" if nearest else listed
    shown = str(name)[:_LONGEST_NAME]
    return Words(_dotted((*inside, shown)), f"there is no field `{shown}`.", remedy)


def _no_json(fault: _Fault) -> Words:
    position = re.search(r"line \d+ column \d+", fault.text)
    return Words(position.group() if position else "", "this is not JSON.", NEEDS)


def _no_object(fault: _Fault) -> Words:
    return Words(_dotted(fault.place), "an object with named fields is needed, {...}.", "")


def _no_list(fault: _Fault) -> Words:
    example = _EXAMPLE if str in _leaves_at(fault.model, fault.place) else ""
    return Words(_dotted(fault.place), f"a list is needed{example}.", "")


def _missing(fault: _Fault) -> Words:
    return Words(_dotted(fault.place), f"the field `{fault.place[-1]}` is missing.", "Add it.")


def _untagged(fault: _Fault) -> Words:
    return Words(_dotted(fault.place), f"the field {_ticked(fault.context['discriminator'])} is missing.", "Add it.")


def _not_among(fault: _Fault) -> Words:
    allowed = fault.context.get("expected") or fault.context["expected_tags"]
    return Words(_dotted(fault.place), "the value is not one of those allowed.", f"Allowed: {allowed}.")


def _no_day(fault: _Fault) -> Words:
    return Words(_dotted(fault.place), "this is no day.", "Write it as 2026-01-31.")


def _own_words(fault: _Fault) -> Words:
    """Our own validators speak for themselves."""
    return Words(_dotted(fault.place), f"{fault.context['error']}.", "")


def _as_pydantic_says(fault: _Fault) -> Words:
    return Words(_dotted(fault.place), f"{fault.text[:1].lower()}{fault.text[1:]}.", "")


_WORDS: Mapping[str, Callable[[_Fault], Words]] = {
    "extra_forbidden": _unknown,
    "json_invalid": _no_json,
    "missing": _missing,
    "union_tag_not_found": _untagged,
    "value_error": _own_words,
    **dict.fromkeys(NO_OBJECT, _no_object),
    **dict.fromkeys(("tuple_type", "list_type"), _no_list),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), _no_day),
    **dict.fromkeys(("literal_error", "enum", "union_tag_invalid"), _not_among),
}


def _dotted(place: Place) -> str:
    return ".".join(str(part) for part in place)


def _ticked(quoted: str) -> str:
    return quoted.replace("'", "`")


def _models_at(model: type[BaseModel] | None, place: Sequence[int | str]) -> list[type[BaseModel]]:
    """The models that may stand at a place; an index, a union's tag and `body` lead no further in."""
    inside = [model] if model else []
    for part in place:
        types = [
            leaf
            for one in inside
            if part in one.model_fields
            for leaf in _leaves(one.model_fields[str(part)].annotation)
        ]
        inside = [leaf for leaf in types if isinstance(leaf, type) and issubclass(leaf, BaseModel)] or inside
    return inside


def _leaves_at(model: type[BaseModel] | None, place: Place) -> list[Any]:
    """The types that the field at a place is made of."""
    *inside, name = place
    fields = (one.model_fields.get(str(name)) for one in _models_at(model, inside))
    return [leaf for field in fields if field for leaf in _leaves(field.annotation)]


def _leaves(annotation: Any) -> Iterator[Any]:
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from _leaves(argument)
