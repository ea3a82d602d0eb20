"""All analyses, newest first, in pages."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import model_validator

from coordinator.access.roles import Role
from coordinator.dashboard.rendering import HEADERS, page
from coordinator.dashboard.signing_in import HOME
from coordinator.dashboard.visitor import Visiting
from coordinator.routes.service import Given
from coordinator.views import AnalysisView
from coordinator.wanted import Wanted
from shared.wire import AnalysisId

ON_A_PAGE = 50
router = APIRouter()


class Which(Wanted):
    """Which analyses; the form sends an empty text for what does not matter."""

    before: AnalysisId | None = None

    @model_validator(mode="before")
    @classmethod
    def _said(cls, sent: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in sent.items() if value != ""}


@router.get("/")
async def home() -> Response:
    """Goes on to the analyses."""
    return RedirectResponse(HOME, 303, HEADERS)


@router.get(HOME)
def analyses(request: Request, service: Given, visiting: Visiting, which: Annotated[Which, Query()]) -> Response:
    """A page of them. One more than it shows is read, so that the last page does not lead on to an empty one."""
    found = service.store.newest(which, limit=ON_A_PAGE + 1, before=which.before)
    shown = [AnalysisView.of(analysis) for analysis in found[:ON_A_PAGE]]
    return page(
        request,
        "analyses.html",
        analyses=shown,
        which=which,
        is_all=not _asked(which, None),
        is_first=which.before is None,
        under_way=any(not view.state.ended for view in shown),
        here=_place(which, which.before),
        newest=_place(which, None),
        older=_place(which, shown[-1].id) if len(found) > ON_A_PAGE else None,
        may_run=visiting.role.covers(Role.RUN),
    )


def _place(which: Which, before: str | None) -> str:
    asked = _asked(which, before)
    return f"{HOME}?{urlencode(asked)}" if asked else HOME


def _asked(which: Which, before: str | None) -> dict[str, str]:
    asked: dict[str, str] = which.model_dump(mode="json", exclude_none=True, exclude={"before"})
    return asked if before is None else asked | {"before": before}
