"""A dictionary proposed from a data file: what a person then reads, mends and agrees on with the consortium."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from shared.dictionary import SITE, Dictionary, Variable, VariableName
from shared.errors import DataError, SettingsError
from site_node.data.doubts import doubts
from site_node.data.files import LARGEST_WHOLE, open_file
from site_node.data.looks import Look, first_with_comma, looks_of
from site_node.data.relation import Relation

MAX_LEVELS = 50
"""A text column with more values than this is taken for an identifier, a group."""

MAX_STRAYS = 0.1
"""A column with at most this part of texts is meant to hold numbers, and the texts are mistakes."""

FEWEST_IDENTIFIERS = 20
"""So many whole numbers that are all different are taken for identifiers; with equally many rows each they may be some."""

_IDENTIFIER = "whole numbers that are too large to be kept exactly: taken for an identifier"
_LONGEST_LEVEL = 120
_NAME: TypeAdapter[str] = TypeAdapter(VariableName)


@dataclass(frozen=True)
class Proposal:
    """A dictionary, with notes: why columns of the file are not in it, and what may have been misread."""

    dictionary: Dictionary
    notes: tuple[str, ...]


def infer(
    path: Path,
    *,
    groups: Sequence[str] = (),
    levels: Mapping[str, Sequence[str]] | None = None,
    numbers: Collection[str] = (),
) -> Proposal:
    """Proposes a dictionary for a file.

    All whole numbers: integer, or a group when they identify rows: one is too large to be kept exactly, or there are many and all
    differ; all numbers: number; text: a factor with its sorted levels, or a group when it has too many. The first level is the
    reference.

    Args:
        path: the data file.
        groups: columns that are groups whatever they hold.
        numbers: columns whose whole numbers identify nothing though all differ, or each has equally many rows.
        levels: factors, each with exactly these levels in this order.

    Raises:
        DataError: the file cannot be read, a column is not there, a factor's column holds a level that is not among
            those given, nearly all values of a column are numbers and some are not, or they are numbers with commas.
        SettingsError: levels are given for a group or without one, or twice the same.
    """
    with open_file(path) as file:
        return infer_from(file, groups=groups, levels=levels, numbers=numbers)


def infer_from(
    file: Relation,
    *,
    groups: Sequence[str] = (),
    levels: Mapping[str, Sequence[str]] | None = None,
    numbers: Collection[str] = (),
) -> Proposal:
    """Proposes a dictionary for an open file or the rows of a query; see `infer`."""
    given = levels or {}
    for name in (*groups, *given, *numbers):
        file.require(name)
    variables, notes = [], []
    for name in file.names:
        reason = _unfit(name)
        variable = None if reason else _variable(file, name, groups, given)
        if variable is None:
            notes.append(f"column `{name}` is left out: {reason or 'it holds no values'}.")
            continue
        each = _rows_of_each(file, name) if variable.type == "integer" and name not in numbers else 0
        if each == 1:
            variable = Variable(name=name, type="group")
            notes.append(
                f"`{name}` holds whole numbers that are all different and is taken for an identifier, a group; if it measures "
                f"something: --numbers {name}"
            )
        elif each > 1:
            notes.append(
                f"`{name}` holds whole numbers with {each} rows each, as identifiers of patients with {each} visits do, and is "
                f"read as a number; if it says whose the rows are: --groups {name}"
            )
        variables.append(variable)
    if not variables:
        raise DataError(
            "no column holds a value that a variable could have.",
            where=file.place,
            remedy="Give it a file with a header and rows; names begin with a letter and hold letters, digits, . and _.",
            code="no_variables",
        )
    dictionary = Dictionary(variables=tuple(variables))
    looks = _looks(file, dictionary, {*groups, *given})
    return Proposal(dictionary, (*notes, *doubts(file, dictionary, looks)))


def write_dictionary(dictionary: Dictionary, path: Path) -> None:
    """Writes a dictionary as people read it: indented, without what is not said."""
    content = dictionary.model_dump(mode="json", exclude_defaults=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def texts_beyond(file: Relation, name: str, known: Sequence[str], limit: int = 10) -> tuple[str, ...]:
    """Values of a column that are not among these, for the site's own eyes only.

    Raises:
        DataError: the file cannot be read, or has no such column.
    """
    text = file.text(name)
    sql = f"SELECT DISTINCT {text} AS t FROM data WHERE ({text}) IS NOT NULL AND NOT list_contains(?, {text})"  # noqa: S608 -- our own names only
    rows = file.query(f"{sql} ORDER BY t LIMIT ?", [list(known), limit]).fetchall()
    return tuple(str(row[0]) for row in rows)


def _unfit(name: str) -> str:
    if name == SITE:
        return "the name `site` is reserved for the site itself; rename it to use it"
    try:
        _NAME.validate_python(name)
    except ValidationError:
        return "its name must be letters, digits, dots and underscores, beginning with a letter or a dot"
    return ""


def _variable(file: Relation, name: str, groups: Sequence[str], given: Mapping[str, Sequence[str]]) -> Variable | None:
    if name in given:
        return _given_factor(file, name, groups, given[name])
    if name in groups:
        return Variable(name=name, type="group")
    number = file.number(name)
    counts = file.query(
        "SELECT count(*) FILTER (NOT isnan(v)), count(*) FILTER (isinf(v)), count(*) FILTER (isfinite(v) AND v <> floor(v)), "  # noqa: S608 -- our own names only
        f"count(*) FILTER (isfinite(v) AND abs(v) > {LARGEST_WHOLE:.0f}) FROM (SELECT {number} AS v FROM data)"
    ).fetchone()
    present, texts, fractions, inexact = counts or (0, 0, 0, 0)
    if present == 0:
        return None
    if texts == 0 and inexact and not fractions:
        return Variable(name=name, type="group", description=_IDENTIFIER)
    if texts == 0:
        return Variable(name=name, type="number" if fractions else "integer")
    if texts <= MAX_STRAYS * present:
        raise _strays(file, name, texts)
    return _text_variable(file, name)


def _rows_of_each(file: Relation, name: str) -> int:
    """How many rows each of a column's values has: 0 if they are few, or have not equally many, as measurements have not."""
    values = f"(SELECT {file.number(name)} AS v FROM data)"  # noqa: S608 -- our own names only
    rows = f"(SELECT count(*) AS k FROM {values} WHERE NOT isnan(v) GROUP BY v)"  # noqa: S608 -- our own names only
    different, fewest, most = file.query(f"SELECT count(*), min(k), max(k) FROM {rows}").fetchall()[0]  # noqa: S608 -- our own names only
    return int(most) if different >= FEWEST_IDENTIFIERS and fewest == most else 0


def _looks(file: Relation, dictionary: Dictionary, decided: Collection[str]) -> dict[str, Look]:
    """What the texts look like of which nobody said what they are.

    Raises:
        DataError: nearly all of a column are numbers with commas, or are if the commas are read.
    """
    texts = [variable.name for variable in dictionary.variables if variable.type in {"factor", "group"}]
    looks = looks_of(file, [name for name in texts if name not in decided])
    for name, look in looks.items():
        if look.with_commas and look.numbers + look.with_commas >= (1 - MAX_STRAYS) * look.present:
            raise DataError(
                "nearly all of its values are numbers, but for commas in them: decimal commas, or separators of thousands? "
                f"With a comma: {look.with_commas} of {look.present}. The first is row {first_with_comma(file, name)}.",
                where=f"column `{name}`",
                remedy="Write decimal numbers with a point and thousands without a separator. If they are no numbers, put a "
                "letter before each.",
                code="bad_value",
            )
    return looks


def _strays(file: Relation, name: str, count: int) -> DataError:
    values = file.query(f"SELECT {file.number(name)} AS v FROM data").fetchnumpy()["v"]  # noqa: S608 -- our own names only
    row = file.row_number(int(np.isinf(values).argmax()))
    return DataError(
        f"nearly all of its values are numbers; not a finite number: {count}, the first in row {row}.",
        where=f"column `{name}`",
        remedy="Mend them, leave the field empty where the value is missing, or name it a factor: "
        f"--levels {name}=a,b,c. In an identifier, put a letter before every number.",
        code="bad_value",
    )


def _given_factor(file: Relation, name: str, groups: Sequence[str], levels: Sequence[str]) -> Variable:
    if name in groups:
        raise SettingsError(f"`{name}` groups the rows and cannot be a factor.", remedy="Give no levels for it.")
    try:
        variable = Variable(name=name, type="factor", levels=tuple(levels))
    except ValidationError as error:
        raise SettingsError(
            f"the levels of `{name}` are not valid: {error.errors(include_url=False)[0]['msg']}.",
            remedy="Write each level once: --levels COLUMN=reference,second,third.",
        ) from None
    text = file.text(name)
    beyond = f"({text}) IS NOT NULL AND NOT list_contains(?, {text})"
    rows = file.query(f"SELECT {beyond} AS b FROM data", [list(levels)]).fetchnumpy()["b"]  # noqa: S608 -- our own names only
    if rows.any():
        raise DataError(
            "rows that hold a level which is not among those given: "
            f"{np.count_nonzero(rows)}, the first is row {file.row_number(int(rows.argmax()))}.",
            where=f"column `{name}`",
            remedy="List all of its levels, spelled as in the file.",
        )
    return variable


def _text_variable(file: Relation, name: str) -> Variable:
    levels = _levels(file, name)
    return Variable(name=name, type="factor", levels=levels) if levels else Variable(name=name, type="group")


def _levels(file: Relation, name: str) -> tuple[str, ...]:
    """The values of a column, sorted; none when it holds identifiers."""
    text = file.text(name)
    rows = file.query(
        f"SELECT DISTINCT {text} AS t FROM data WHERE ({text}) IS NOT NULL LIMIT {MAX_LEVELS + 1}"  # noqa: S608 -- our own names only
    ).fetchall()
    levels = sorted(str(row[0]) for row in rows)
    identifiers = len(levels) > MAX_LEVELS or any(len(level) > _LONGEST_LEVEL for level in levels)
    return () if identifiers else tuple(levels)
