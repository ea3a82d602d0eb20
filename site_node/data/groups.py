"""What groups the rows of a site: one grouping factor, or one inside another."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.dictionary import SITE, Dictionary
from shared.errors import DataError
from shared.specification import Specification
from site_node.data.counts import Unit
from site_node.data.table import Places, Table
from site_node.estimation.rows import Rows

Keys: TypeAlias = NDArray[Any]
"""Equal for rows of the same group, (n,)."""


def keys_of(specification: Specification, table: Table) -> tuple[Keys | None, Keys | None]:
    """By what the rows are grouped: the outer grouping factor, if there are two, and the inner or only one.

    None stands for no grouping: no random term, or the site as the only group.
    """
    keys = [_keys(group, table) for group in specification.groupings]
    if len(keys) > 1:
        outer, group = keys
        return np.zeros(table.rows, dtype=np.uint8) if outer is None else outer, group
    return None, keys[0] if keys else None


def order_by_group(specification: Specification, table: Table, kept: Places) -> Places | None:
    """Which rows are kept, sorted by group: then the matrices need not be copied to be sorted. None is the file's order."""
    outer, group = keys_of(specification, table)
    if group is None:
        return None if len(kept) == table.rows else kept
    if outer is None:
        return kept[np.argsort(group[kept], kind="stable")]
    return kept[np.lexsort((group[kept], outer[kept]))]


def groups_of(rows: Rows, specification: Specification) -> tuple[int, ...]:
    """How many groups each grouping factor has at the site."""
    return (len(rows.outer) - 1, rows.groups)[-len(specification.groupings) :] if specification.groupings else ()


def units_of(dictionary: Dictionary, table: Table) -> Unit | None:
    """The privacy unit of each row, in the order of their codes, which tells nothing; None where every row is one."""
    if dictionary.privacy_unit is None:
        return None
    _, unit = np.unique(table.groups[dictionary.privacy_unit], return_inverse=True)
    return unit


def check_nested(specification: Specification, rows: Rows, group: Keys | None) -> None:
    """Lets two grouping factors pass whose groups lie one within another.

    Raises:
        DataError: a group of the inner one lies in several of the outer one.
    """
    if len(specification.groupings) < 2 or group is None:  # noqa: PLR2004 -- one within another
        return
    outer, inner = specification.groupings
    if frozenset(outer.split(":")) - {SITE} <= frozenset(inner.split(":")):
        return
    if len(np.unique(group)) < rows.groups:
        turned = len(rows.outer) - 1 == rows.groups  # no two of the inner groups share an outer one
        swap = f"The larger groups come first: write (1 | {inner}) + (1 | {outer})."
        anew = f"Where the labels of `{inner}` are used anew in each `{outer}`, write (1 | {outer}/{inner})."
        raise DataError(
            f"a group of `{inner}` lies in several groups of `{outer}`, and crossed random effects are not available.",
            where="the random terms",
            remedy=swap if turned else anew,
            code="not_nested",
        )


def _keys(group: str, table: Table) -> Keys | None:
    """None for the site; the codes of several variables are joined to one."""
    names = [name for name in group.split(":") if name != SITE]
    if not names:
        return None
    first, *others = (_codes(name, table) for name in names)
    for other in others:
        _, code = np.unique(other, return_inverse=True)
        _, first = np.unique(first, return_inverse=True)
        first = first * (int(code.max()) + 1) + code
    return first


def _codes(name: str, table: Table) -> Keys:
    """A group variable, a factor, or a number whose every value is a group."""
    if name in table.numbers:
        return table.numbers[name]
    codes = table.groups[name] if name in table.groups else table.codes[name]
    # NumPy sorts numbers of 16 bits by radix; what is missing is never kept
    return codes.astype(np.min_scalar_type(int(codes.max())))
