"""The consortium's variables, agreed before any number is asked for: name, type, unit, levels, reference level, range.

Agreeing on a factor's levels is itself a disclosure, so people agree on the dictionary before it is used: one site may
propose it from its own file, and it is never collected from the sites. Treatment coding, column names and column order
follow from it alone, and so are the same everywhere.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared import examples
from shared.errors import DictionaryError

SITE = "site"
"""The reserved grouping factor: the site itself. No variable may have this name."""

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z.][A-Za-z0-9._]{0,62}$")]
Level = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class Variable(BaseModel):
    """One variable. A factor has levels, the first of which is the reference unless `reference` names another."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: VariableName
    type: Literal["number", "integer", "factor", "group"] = Field(
        description="number, integer; factor: levels agreed in the consortium; group: an identifier that never leaves a site"
    )
    unit: str | None = None
    levels: tuple[Level, ...] = ()
    reference: Level | None = None
    range: tuple[float, float] | None = None
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "Variable":
        if self.name == SITE:
            raise ValueError("`site` is reserved for the site itself; call the variable something else")
        if (self.type == "factor") != bool(self.levels):
            raise ValueError(f"{self.name}: a factor has levels, and nothing else has")
        if len(set(self.levels)) != len(self.levels):
            raise ValueError(f"{self.name}: a level appears twice")
        if self.reference is not None and self.reference not in self.levels:
            raise ValueError(f"{self.name}: the reference level is not one of the levels")
        return self

    @property
    def coded_levels(self) -> tuple[str, ...]:
        """The levels in the order of coding: the reference first, the others as they are listed."""
        if self.reference is None:
            return self.levels
        return (self.reference, *(level for level in self.levels if level != self.reference))


class Dictionary(BaseModel):
    """All variables of a consortium."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [examples.DICTIONARY]})

    variables: tuple[Variable, ...]

    @model_validator(mode="after")
    def _unique(self) -> "Dictionary":
        names = [variable.name for variable in self.variables]
        if len(set(names)) != len(names):
            raise ValueError("a variable appears twice")
        return self

    def __contains__(self, name: object) -> bool:
        """Whether a variable of this name is agreed."""
        return any(variable.name == name for variable in self.variables)

    def __getitem__(self, name: str) -> Variable:
        """The variable of this name.

        Raises:
            DictionaryError: there is none.
        """
        for variable in self.variables:
            if variable.name == name:
                return variable
        known = ", ".join(variable.name for variable in self.variables)
        raise DictionaryError(f"the dictionary has no variable `{name}`.", remedy=f"It has: {known}.")
