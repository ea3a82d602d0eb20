"""Which analyses somebody wants to see, out of all that are kept."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from coordinator.records import Analysis
from coordinator.states import AnalysisState

_DAY = len("2026-01-31")
Sought = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]+$")]


class Wanted(BaseModel):
    """What an analysis must be like; whatever is not said does not matter. What is not known is refused, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: AnalysisState | None = Field(default=None, description="in which it is")
    who: Sought | None = Field(default=None, description="whose it is, by the whole name")
    formula: Sought | None = Field(default=None, description="a part of the formula, in small or capital letters")
    since: date | None = Field(default=None, description="the first day (UTC) of its submission")
    until: date | None = Field(default=None, description="the last day (UTC) of it")

    def fits(self, analysis: Analysis) -> bool:
        """Whether an analysis is wanted."""
        day = analysis.created_at[:_DAY]
        return (
            self.state in {None, analysis.state}
            and self.who in {None, analysis.owner}
            and (self.formula or "").lower() in analysis.request.formula.lower()
            and (self.since is None or day >= self.since.isoformat())
            and (self.until is None or day <= self.until.isoformat())
        )


ALL = Wanted()
