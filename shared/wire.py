"""What every message is made of: frozen, nothing extra, no NaN and no infinity."""

from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from shared.printable import shown

LONGEST_LABEL = 200

ANALYSIS_ID = r"^[a-z0-9-]{1,64}$"
AnalysisId = Annotated[str, Field(pattern=ANALYSIS_ID)]
Label = Annotated[str, StringConstraints(max_length=LONGEST_LABEL)]
Text = Annotated[str, AfterValidator(shown)]
Signature = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
Count = Annotated[int, Field(ge=0, le=10**15)]


class Wire(BaseModel):
    """The base of every message."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @cached_property
    def written(self) -> bytes:
        """As it crosses the wire: written once, to however many sites it goes."""
        return self.model_dump_json().encode()
