"""Analyses as a table: one that a terminal has room for, and off it a line each, for other programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Column, Table

from coordinator.client.moments import minute
from coordinator.client.terminal import cell

NARROWEST = 80
"""Columns that the table is made for: a narrower terminal breaks its lines, and still nothing is cut."""
CREATED, WHO, FORMULA, TITLE = "created (UTC)", "who", "formula", "title"
_A_MINUTE = len("2026-01-31 12:00")


def print_list(analyses: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print analyses, at least one; who and titles stand there if any has one."""
    rows = [_texts(one) for one in analyses]
    told = [head for head in rows[0] if any(row[head] for row in rows)]
    columns = _stacked(told) if console.is_terminal else [[head] for head in told]
    console.width = max(console.width, NARROWEST)
    table = Table(*map(_column, columns), box=box.SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(*(cell("\n".join(row[head] for head in heads if row[head])) for heads in columns))
    console.print(table)


def _texts(analysis: Mapping[str, Any]) -> dict[str, str]:
    """What is told of one, each on one line."""
    return {
        "id": analysis["id"],
        "state": analysis["state"],
        "round": str(analysis["round"]),
        CREATED: minute(analysis["created_at"]),
        WHO: analysis["owner"] or "",
        FORMULA: " ".join(analysis["formula"].split()),
        TITLE: " ".join(analysis["title"].split()),
    }


def _stacked(told: list[str]) -> list[list[str]]:
    """Columns of a terminal: who below when, the title above the formula."""
    stacks = [["id"], ["state"], ["round"], [CREATED, WHO], [TITLE, FORMULA]]
    return [[head for head in stack if head in told] for stack in stacks]


def _column(heads: list[str]) -> Column:
    """Formulas and titles are broken where there is too little room, and names below a moment; all else stays as it is."""
    head = "\n".join(heads)
    if FORMULA in heads or TITLE in heads:
        return Column(head, overflow="fold")
    if len(heads) > 1:
        return Column(head, overflow="fold", width=_A_MINUTE)
    return Column(head, no_wrap=True, justify="right" if heads == ["round"] else "left")
