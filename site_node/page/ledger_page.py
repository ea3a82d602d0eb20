"""The ledger: what left, when, for which analysis, and whether every byte is what was written."""

from fastapi import APIRouter, Request, Response

from site_node.page.counter import Given
from site_node.page.rendering import page

MOST_LISTED = 200
"""Entries on one page."""

router = APIRouter()


@router.get("/ledger")
def ledger(request: Request, counter: Given, before: str = "", head: str = "") -> Response:
    """The latest entries, or those before one of them; and whether a head that was noted is still in it."""
    chain = counter.chain()
    last = _number(before, most=len(chain.entries) + 1) - 1
    shown = [one.entry for one in chain.entries[max(0, last - MOST_LISTED) : last]]
    return page(
        request,
        "ledger.html",
        chain=chain,
        shown=shown[::-1],
        older=shown[0].number if shown and shown[0].number > 1 else None,
        noted=head,
        holds=chain.holds(head.strip().lower()),
    )


@router.get("/ledger/export")
def export(counter: Given) -> Response:
    """The entries as they are written, a JSON object a line, as far as each is what was written."""
    lines = b"".join(one.line + b"\n" for one in counter.chain().entries)
    name = f'attachment; filename="ledger-{counter.settings.name}.jsonl"'
    return Response(lines, headers={"Content-Disposition": name}, media_type="application/jsonl")


def _number(written: str, *, most: int) -> int:
    """A number from 1 to the largest; that, if something else was written."""
    is_number = written.isascii() and written.isdigit() and len(written) <= len(str(most))
    return min(max(int(written), 1), most) if is_number else most
