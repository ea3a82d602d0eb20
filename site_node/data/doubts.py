"""What a proposed dictionary may have misread: notes for whoever reads it before it is agreed on."""

from collections.abc import Iterator, Mapping

from shared.dictionary import Dictionary, Variable
from site_node.data.looks import Look
from site_node.data.relation import Relation

FEWEST_LEVELS, MOST_LEVELS = 3, 12
"""A column of whole numbers with so many different values may be a factor. Two values make the same model either way."""

MAX_TREND_NOTES = 8

FEWEST_NUMBERS = 0.1
"""A text column of which at least this part are numbers may be meant to hold numbers."""

FEWEST_DATES = 0.5
"""A text column of which at least this part look like dates holds dates."""


def doubts(file: Relation, dictionary: Dictionary, looks: Mapping[str, Look]) -> tuple[str, ...]:
    """Integers that may be the levels of a factor, texts that may be numbers or dates, and levels that may be the same level.

    Args:
        file: the data.
        dictionary: what is proposed for them.
        looks: what its texts look like, as far as nobody said what they are.

    Raises:
        DataError: the file cannot be read to its end.
    """
    trends = list(_trends(file, dictionary))
    more = len(trends) - MAX_TREND_NOTES
    if more > 0:
        trends[MAX_TREND_NOTES:] = [f"and {more} more columns with so few values are read as numbers."]
    texts = [note for name, look in looks.items() for note in _texts(dictionary[name], look)]
    return (*trends, *texts, *_lookalikes(dictionary))


def _trends(file: Relation, dictionary: Dictionary) -> Iterator[str]:
    for variable in dictionary.variables:
        if variable.type != "integer":
            continue
        name, text = variable.name, file.text(variable.name)
        rows = file.query(
            f"SELECT DISTINCT {file.number(name)} AS v, {text} AS t FROM data "  # noqa: S608 -- our own names only
            f"WHERE ({text}) IS NOT NULL LIMIT {MOST_LEVELS + 1}"
        ).fetchall()
        if FEWEST_LEVELS <= len(rows) <= MOST_LEVELS:
            levels = ",".join(str(level) for _, level in sorted(rows))
            yield f"`{name}` has {len(rows)} values and is read as a number; for a factor: --levels {name}={levels}"


def _texts(variable: Variable, look: Look) -> Iterator[str]:
    if look.dates >= FEWEST_DATES * look.present:
        shown = "its dates stand in the dictionary as levels; " if variable.type == "factor" else ""
        yield (
            f"`{variable.name}` holds dates ({look.dates} of {look.present} values) and is read as a {variable.type}: {shown}"
            "delete it from the dictionary if no model needs it. For a time, write a number into the file, such as days."
        )
        return
    numbers = look.numbers + look.with_commas
    if FEWEST_NUMBERS * look.present <= numbers < look.present:
        commas = f", {look.with_commas} of them with a comma," if look.with_commas else ""
        yield (
            f"`{variable.name}` is read as a {variable.type}, and {numbers} of {look.present} values{commas} are numbers. "
            "If it should be a number, mend the file: leave the field empty (or write NA) where the value is missing, and "
            "write decimal numbers with a point."
        )


def _lookalikes(dictionary: Dictionary) -> Iterator[str]:
    for variable in dictionary.variables:
        if len({level.strip().casefold() for level in variable.levels}) < len(variable.levels):
            yield (
                f"`{variable.name}` has levels that differ only in upper and lower case or in blanks around them: "
                "mend the file if they mean the same."
            )
