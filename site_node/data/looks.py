"""What the values of text columns look like: numbers, numbers with commas, dates. Counts only; no value is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from site_node.data.relation import Relation

_COMMAS = r"\s*[+-]?[0-9.]*(,[0-9.]+)+([eE][+-]?[0-9]+)?\s*"
_MONTH = "(jan|feb|mar|mär|apr|mai|may|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]*"
_TIME = r"([T ][0-9:.]+.*)?"
_DATE = (
    rf"(?i)\s*([0-9]{{4}}[-./][0-9]{{1,2}}[-./][0-9]{{1,2}}|[0-9]{{1,2}}[-./][0-9]{{1,2}}[-./]([0-9]{{4}}|[0-9]{{2}})"
    rf"|[0-9]{{1,2}}[-. ]*{_MONTH}[-. ]*([0-9]{{4}}|[0-9]{{2}})){_TIME}\s*"
)


@dataclass(frozen=True)
class Look:
    """How many values of a column look like what."""

    present: int
    """All but the missing ones."""
    numbers: int
    """Finite numbers."""
    with_commas: int
    """Numbers but for commas in them: decimal commas, or separators of thousands."""
    dates: int


def looks_of(file: Relation, names: Sequence[str]) -> dict[str, Look]:
    """What columns look like, found in one reading of the file.

    Raises:
        DataError: the file cannot be read to its end.
    """
    if not names:
        return {}
    counts = ", ".join(
        f"count({text}), count(*) FILTER (isfinite({file.number(name)})), "
        f"count(*) FILTER (regexp_full_match({text}, '{_COMMAS}')), count(*) FILTER (regexp_full_match({text}, '{_DATE}'))"
        for name in names
        for text in [file.text(name)]
    )
    found = file.query(f"SELECT {counts} FROM data").fetchone() or (0,) * (4 * len(names))  # noqa: S608 -- our own names only
    return {name: Look(*found[4 * k : 4 * k + 4]) for k, name in enumerate(names)}


def first_with_comma(file: Relation, name: str) -> int:
    """The row, from 1, of the first number with a comma in a column that has one.

    Raises:
        DataError: the file cannot be read to its end.
    """
    found = file.query(f"SELECT coalesce(regexp_full_match({file.text(name)}, '{_COMMAS}'), false) AS c FROM data")  # noqa: S608 -- our own names only
    return file.row_number(int(found.fetchnumpy()["c"].argmax()))
