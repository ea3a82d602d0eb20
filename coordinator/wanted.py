"""Which analyses somebody wants to see, out of all that are kept."""

import re
from datetime import date
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from coordinator.states import AnalysisState

NEWEST = 200
"""Analyses that are told at once, at most."""
_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _as_written(day: object) -> object:
    """Pydantic alone reads a number too, as seconds since 1970."""
    if isinstance(day, date) or (isinstance(day, str) and _WRITTEN.fullmatch(day)):
        return day
    raise PydanticCustomError("date_parsing", "no day")


def _in_words(text: object, inner: ValidatorFunctionWrapHandler) -> object:
    """Pydantic alone would tell the pattern."""
    try:
        return inner(text)
    except ValidationError:
        raise ValueError("write 1 to 300 characters, on one line") from None


Sought = Annotated[
    str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]+$"), WrapValidator(_in_words)
]
Day = Annotated[date, BeforeValidator(_as_written)]


class Wanted(BaseModel):
    """What an analysis must be like; whatever is not said does not matter. What is not known is refused, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: AnalysisState | None = Field(default=None, description="in which it is")
    who: Sought | None = Field(default=None, description="whose it is, by the whole name")
    formula: Sought | None = Field(default=None, description="a part of the formula, in small or capital letters")
    since: Day | None = Field(default=None, description="the first day (UTC) of its submission")
    until: Day | None = Field(default=None, description="the last day (UTC) of it")


ALL = Wanted()
