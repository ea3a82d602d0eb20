"""What a proposed dictionary may have misread: notes for whoever reads it before it is agreed on."""

from collections.abc import Iterator

from shared.dictionary import Dictionary
from site_node.data.files import DataFile

FEWEST_LEVELS, MOST_LEVELS = 3, 12
"""A column of whole numbers with so many different values may be a factor. Two values make the same model either way."""

MAX_TREND_NOTES = 8


def doubts(file: DataFile, dictionary: Dictionary) -> tuple[str, ...]:
    """Integers that may be the levels of a factor, and levels that may be the same level.

    Raises:
        DataError: the file cannot be read to its end.
    """
    trends = list(_trends(file, dictionary))
    more = len(trends) - MAX_TREND_NOTES
    if more > 0:
        trends[MAX_TREND_NOTES:] = [f"and {more} more columns with so few values are read as numbers."]
    return (*trends, *_lookalikes(dictionary))


def _trends(file: DataFile, dictionary: Dictionary) -> Iterator[str]:
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


def _lookalikes(dictionary: Dictionary) -> Iterator[str]:
    for variable in dictionary.variables:
        if len({level.strip().casefold() for level in variable.levels}) < len(variable.levels):
            yield (
                f"`{variable.name}` has levels that differ only in upper and lower case or in blanks around them: "
                "mend the file if they mean the same."
            )
