"""An error or a refusal as it crosses the wire: what every program of the project reads, also one that reads nothing else."""

from typing import Literal

from pydantic import ConfigDict

from shared import examples
from shared.errors import FedglmmError
from shared.wire import Text, Wire


class Problem(Wire):
    """An error or a refusal: what happened, where, and what to do. Never a row's content."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PROBLEM]})

    status: Literal["error", "refused"] = "error"
    code: Text
    message: Text
    where: Text = ""
    remedy: Text = ""
    rule: Text = ""

    @classmethod
    def of(cls, error: FedglmmError) -> "Problem":
        """The wire form of a known fault."""
        rule = getattr(error, "rule", "")
        status: Literal["error", "refused"] = "refused" if rule else "error"
        return cls(
            status=status, code=error.code, message=error.message, where=error.where, remedy=error.remedy, rule=rule
        )
