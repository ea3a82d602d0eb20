"""What a person at the site is asked, and decides."""

from datetime import timedelta

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from shared.errors import RequestError, SettingsError
from shared.printable import shown
from site_node.page.counter import Counter, Given
from site_node.page.rendering import page
from site_node.page.visitor import Sent
from site_node.release.approvals import Approvals

MOST_DAYS = 365
MOST_LISTED = 200
"""Decisions on the page."""

router = APIRouter()
_log = structlog.get_logger()


@router.get("/")
def home() -> Response:
    """What waits comes first."""
    return RedirectResponse("/waiting", 303)


@router.get("/waiting")
def waiting(request: Request, counter: Given) -> Response:
    """What is not decided yet, what is, and what ended before, each the latest first."""
    approvals = counter.approvals()
    asked = [] if approvals is None else approvals.all()[::-1]
    return page(
        request,
        "waiting.html",
        asks=approvals is not None,
        undecided=[one for one in asked if one.waits],
        decided=[one for one in asked if one.decision is not None][:MOST_LISTED],
        ended=[one for one in asked if one.ended is not None][:MOST_LISTED],
    )


@router.post("/analyses/{analysis}/approve")
def approve(counter: Given, form: Sent, analysis: str) -> Response:
    """Approves an analysis for so many days."""
    _approvals(counter).approve(analysis, timedelta(days=_days(form.one("days"))))
    return _decided(counter, analysis, approved=True)


@router.post("/analyses/{analysis}/deny")
def deny(counter: Given, form: Sent, analysis: str) -> Response:
    """Denies an analysis. The coordinator and the analyst are told the reason."""
    _approvals(counter).deny(analysis, shown(form.one("reason")))
    return _decided(counter, analysis, approved=False)


def _approvals(counter: Counter) -> Approvals:
    approvals = counter.approvals()
    if approvals is None:
        raise SettingsError(
            "nobody is asked here: the site takes part in what its policy lets pass.",
            where="approval",
            remedy='Set approval = "person" in site.toml, and restart the site and its page.',
        )
    return approvals


def _days(written: str) -> int:
    if written not in {str(days) for days in range(1, MOST_DAYS + 1)}:
        raise RequestError(
            f"an approval lasts 1 to {MOST_DAYS} whole days.", where="days", remedy="Go back, and write such a number."
        )
    return int(written)


def _decided(counter: Counter, analysis: str, *, approved: bool) -> Response:
    _log.info("decided", site=counter.settings.name, analysis=analysis, approved=approved)
    return RedirectResponse(f"/analyses/{analysis}", 303)
