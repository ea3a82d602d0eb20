"""The consortium's variables, agreed before any number is asked for: name, type, unit, levels, reference level, range.

Agreeing on a factor's levels is itself a disclosure, so people agree on the dictionary before it is used: one site may
propose it from its own file, and it is never collected from the sites. Coding, column names and column order follow from it
alone, and so are the same everywhere; so are the constants that R would take from the rows, as a mean or a spline's knots.
"""

import re
from math import inf
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from shared import examples
from shared.errors import DictionaryError, FedglmmError
from shared.formula.splines import MOST_KNOTS, rising
from shared.validation import in_words

SITE = "site"
"""The reserved grouping factor: the site itself. No variable may have this name."""

NAME = re.compile(r"^[A-Za-z.][A-Za-z0-9._]{0,62}$", re.ASCII)
"""What a variable can be called."""
MISSING_TEXTS = ("", "NA", "NaN", "nan", "NULL")
"""Texts that mean in a data file that a value is missing."""

VariableName = Annotated[str, StringConstraints(pattern=NAME.pattern)]
Level = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Coding = Literal["treatment", "sum"]


class Variable(BaseModel):
    """One variable. A factor has levels, the first of which is the reference unless `reference` names another."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: VariableName
    type: Literal["number", "integer", "factor", "group"] = Field(
        description="number, integer; factor: levels agreed in the consortium; group: an identifier that never leaves a site"
    )
    unit: str | None = Field(default=None, description="of a number, for people")
    levels: tuple[Level, ...] = Field(default=(), description="of a factor, as the data spell them")
    reference: Level | None = Field(
        default=None, description="that the others are held against; the first unless given"
    )
    coding: Coding = Field(
        default="treatment",
        description="of a factor: each level against the reference, or against the mean of all levels",
    )
    range: tuple[float, float] | None = Field(
        default=None, description="lowest and highest value allowed; the boundary knots of splines"
    )
    mean: float | None = Field(default=None, description="agreed, for scale(x); not that of the rows")
    sd: float | None = Field(default=None, gt=0, description="agreed standard deviation, for scale(x)")
    knots: tuple[float, ...] = Field(
        default=(), max_length=MOST_KNOTS, description="agreed inner knots of splines, ascending and inside the range"
    )
    derived: str | None = Field(
        default=None,
        max_length=400,
        description="of a number or integer that no file has: an expression of columns, with constants, as `age / 10`",
    )
    description: str = Field(default="", description="for people")

    @model_validator(mode="after")
    def _consistent(self) -> "Variable":
        if self.name == SITE:
            raise ValueError("`site` is reserved for the site itself; call the variable something else")
        if (self.type == "factor") != bool(self.levels):
            raise ValueError(f"{self.name}: a factor has levels, and nothing else has")
        if len(set(self.levels)) != len(self.levels):
            raise ValueError(f"{self.name}: a level appears twice")
        for level in self.levels:
            if level in MISSING_TEXTS:
                raise ValueError(
                    f"{self.name}: `{level}` means that a value is missing; spell the level otherwise, in the data too"
                )
        if self.reference is not None and self.reference not in self.levels:
            raise ValueError(f"{self.name}: the reference level is not one of the levels")
        if self.range is not None and not self.range[0] <= self.range[1]:
            raise ValueError(f"{self.name}: its range begins above its end")
        self._check_constants()
        return self

    def _check_constants(self) -> None:
        if self.coding != "treatment" and self.type != "factor":
            raise ValueError(f"{self.name}: a factor has a coding, and nothing else has")
        if self.type not in {"number", "integer"} and (self.mean is not None or self.sd is not None or self.knots):
            raise ValueError(f"{self.name}: a number has a mean, sd and knots, and nothing else has")
        if self.derived is not None and self.type not in {"number", "integer"}:
            raise ValueError(f"{self.name}: a number is derived, and nothing else is")
        low, high = self.range or (-inf, inf)
        if self.knots and not rising((low, *self.knots, high)):
            raise ValueError(f"{self.name}: its knots do not increase, inside of its range")

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
    privacy_unit: VariableName | None = Field(
        default=None,
        description="the group whose rows are one patient's, who is protected as a whole; the row unless given",
    )

    @model_validator(mode="after")
    def _unique(self) -> "Dictionary":
        names = [variable.name for variable in self.variables]
        if len(set(names)) != len(names):
            raise ValueError("a variable appears twice")
        groups = {variable.name for variable in self.variables if variable.type == "group"}
        if self.privacy_unit is not None and self.privacy_unit not in groups:
            raise ValueError("`privacy_unit` is not the name of a variable of type group")
        return self

    @model_validator(mode="after")
    def _derivable(self) -> "Dictionary":
        from shared.formula.expressions import variables_of  # noqa: PLC0415 -- with the next line
        from shared.formula.meaning import value_of  # noqa: PLC0415 -- a formula's meaning is read by a dictionary

        columns = Dictionary.model_construct(variables=self.columns)
        for variable in self.variables:
            if variable.derived is not None:
                try:
                    reads = variables_of(value_of(variable, columns))
                except FedglmmError as error:
                    raise ValueError(f"{variable.name}: `derived` cannot be read: {error.message}") from None
                if not reads:
                    raise ValueError(f"{variable.name}: it is derived from no column")
        return self

    @property
    def columns(self) -> tuple[Variable, ...]:
        """The variables that stand in the files: all but the derived ones."""
        return tuple(variable for variable in self.variables if variable.derived is None)

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


def read_dictionary(path: Path) -> Dictionary:
    """The consortium's dictionary in a file.

    Raises:
        DictionaryError: it cannot be read, or is inconsistent.
    """
    try:
        return Dictionary.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DictionaryError(
            f"the dictionary cannot be read: {error.strerror}.",
            where=str(path),
            remedy="Copy the agreed dictionary there.",
        ) from None
    except ValidationError as error:
        told = in_words(error, Dictionary)
        remedy = f"{told.remedy} Ask the consortium for the agreed file.".lstrip()
        raise DictionaryError(told.message, where=told.where_in(path), remedy=remedy) from None
