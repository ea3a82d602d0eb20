"""One file made into a federation: a folder a site, for rehearsals and demonstrations."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from pydantic import TypeAdapter, ValidationError

from shared.dictionary import SITE, Dictionary
from shared.errors import DataError, SettingsError
from shared.request import SiteName
from site_node.data.files import DataFile, open_file
from site_node.data.inference import infer, write_dictionary
from site_node.data.unreadable import is_parquet

MAX_SITES = 1000
MOST_NAMED = 8
"""Sites that a note names."""

_SITE_NAME: TypeAdapter[str] = TypeAdapter(SiteName)


@dataclass(frozen=True)
class Share:
    """The part of a file that becomes one site."""

    name: str
    folder: str
    values: tuple[str, ...]
    """The values of the splitting column whose rows the site gets."""


@dataclass(frozen=True)
class Federation:
    """What a file was split into."""

    shares: tuple[Share, ...]
    data_name: str
    dictionary: Dictionary
    notes: tuple[str, ...]


def split(
    path: Path,
    by: str,
    out: Path,
    *,
    nodes: int | None = None,
    groups: Sequence[str] = (),
    levels: Mapping[str, Sequence[str]] | None = None,
    numbers: Collection[str] = (),
) -> Federation:
    """Writes `out`/dictionary.json and one folder a site with its rows, each value as it stands in the file.

    Args:
        path: the data file.
        by: the column that says which site, or with `nodes` which group, a row belongs to.
        out: a folder that is empty or not there yet.
        nodes: deals the values of `by` out over so many sites instead of making each a site.
        groups: more columns that are groups whatever they hold.
        levels: factors, each with exactly these levels in this order.
        numbers: columns whose whole numbers identify nothing though all differ, or each has equally many rows.

    Raises:
        DataError: the file cannot be read or no dictionary can be inferred from it, or `by` is no column, is missing
            in a row or has too many values.
        SettingsError: the folder is not empty or cannot be written, or the file's `site` column cannot become a group.
    """
    if out.exists() and any(out.iterdir()):
        raise SettingsError("the folder is not empty.", where=str(out), remedy="Choose a new folder, or empty it.")
    if nodes is not None and by == SITE:
        raise SettingsError(
            "`site` is reserved for the site itself.", where=f"column `{by}`", remedy="Rename the column in the file."
        )
    proposal = infer(path, groups=groups if by == SITE else (by, *groups), levels=levels, numbers=numbers)
    data_name = "data.parquet" if is_parquet(path) else "data.csv"
    with open_file(path) as file:
        file.require(by)
        values = _values(file, by)
        shares = tuple(_dealt(values, nodes) if nodes is not None else _one_each(values))
        kept = [name for name in file.names if name in proposal.dictionary]
        for share in shares:
            (out / share.folder).mkdir(parents=True)
        _write_rows(file, by, kept, {out / share.folder / data_name: share.values for share in shares})
    write_dictionary(proposal.dictionary, out / "dictionary.json")
    notes = [note for note in proposal.notes if by != SITE or f"`{SITE}`" not in note]
    renamed = [share.name for share in shares if nodes is None and (share.name,) != share.values]
    if renamed:
        notes.append(_renaming(by, renamed))
    return Federation(shares, data_name, proposal.dictionary, tuple(notes))


def _renaming(by: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    shown = ", ".join(f"`{name}`" for name in names[:MOST_NAMED])
    return (
        f"sites that are called otherwise than their values in `{by}`: {shown}{more}. A site's name begins with a letter or a "
        "digit, holds A to Z, a to z, digits, blanks and . _ ( ) & + ' - only, at most 120 of them, and no two differ by upper "
        "and lower case alone. For names of your own choice change the values in the file."
    )


def _values(file: DataFile, by: str) -> list[str]:
    """The values of a column: in the order of numbers if all are numbers, else of their text."""
    rows = file.query(f"SELECT {file.text(by)} AS t, count(*) FROM data GROUP BY t").fetchall()  # noqa: S608 -- our own names only
    missing = sum(int(count) for value, count in rows if value is None)
    if missing:
        raise DataError(
            f"{missing} rows have no value.", where=f"column `{by}`", remedy="Fill it in, or remove those rows."
        )
    if not rows:
        raise DataError("the file has no rows.", where=file.place, remedy="Give it a file with rows.")
    values = sorted(str(value) for value, _ in rows)
    try:
        return sorted(values, key=float)
    except ValueError:
        return values


def _one_each(values: Sequence[str]) -> Iterable[Share]:
    if len(values) > MAX_SITES:
        raise DataError(
            f"{len(values)} values would make as many sites.", where="--by", remedy="Deal them out with --nodes N."
        )
    names: set[str] = set()
    folders: set[str] = set()
    for value in values:
        name = _unique(_site_name(value), names)
        yield Share(name, _unique(re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-."), folders), (value,))


def _dealt(values: Sequence[str], nodes: int) -> Iterable[Share]:
    if not 1 <= nodes <= min(MAX_SITES, len(values)):
        raise SettingsError(
            f"{len(values)} values cannot be dealt out over {nodes} sites.",
            where="--nodes",
            remedy="Ask for no more sites than there are values.",
        )
    for k in range(nodes):
        name = f"node-{k + 1}"
        yield Share(name, name, tuple(values[k::nodes]))


def _site_name(value: str) -> str:
    try:
        return _SITE_NAME.validate_python(value)
    except ValidationError:
        mended = re.sub(r"[^A-Za-z0-9 ._()&+'-]+", "-", value)[:100]
        return mended if mended[:1].isalnum() else f"site {mended}"


def _unique(wanted: str, taken: set[str]) -> str:
    """The name, numbered if another has it already but for upper and lower case."""
    name, count = wanted, 1
    while name.lower() in taken:
        count += 1
        name = f"{wanted}-{count}"
    taken.add(name.lower())
    return name


def _write_rows(file: DataFile, by: str, kept: Sequence[str], targets: Mapping[Path, Sequence[str]]) -> None:
    columns = ", ".join(f'{file.column(name)} AS "{name}"' for name in kept)
    form = "FORMAT parquet" if is_parquet(file.path) else "FORMAT csv, HEADER, DELIMITER ','"
    # once into memory: the file would otherwise be read again for every site
    file.query(f"CREATE TEMP TABLE all_rows AS SELECT *, {file.text(by)} AS belongs FROM data")  # noqa: S608 -- our own names only
    for target, values in targets.items():
        chosen = f"SELECT {columns} FROM all_rows WHERE list_contains(?, belongs)"  # noqa: S608 -- names of the dictionary's pattern
        quoted = str(target).replace("'", "''")
        try:
            file.connection.execute(f"COPY ({chosen}) TO '{quoted}' ({form})", [list(values)])
        except duckdb.Error:  # its text may quote a cell
            raise SettingsError(
                "the file cannot be written.", where=str(target), remedy="Is its disk full, or its folder read-only?"
            ) from None
