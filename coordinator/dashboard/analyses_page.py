"""All analyses, newest first, in pages."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict

from coordinator.access.roles import Role
from coordinator.dashboard.rendering import HEADERS, page
from coordinator.dashboard.signing_in import HOME
from coordinator.dashboard.visitor import Visiting
from coordinator.routes.service import Given
from coordinator.states import AnalysisState
from coordinator.views import AnalysisView
from shared.wire import AnalysisId

ON_A_PAGE = 50
router = APIRouter()


class Which(BaseModel):
    """Which analyses; the form sends an empty state for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Annotated[AnalysisState | None, BeforeValidator(lambda value: value or None)] = None
    before: AnalysisId | None = None


@router.get("/")
async def home() -> Response:
    """Goes on to the analyses."""
    return RedirectResponse(HOME, 303, HEADERS)


@router.get(HOME)
def analyses(request: Request, service: Given, visiting: Visiting, which: Annotated[Which, Query()]) -> Response:
    """A page of them. One more than it shows is read, so that the last page does not lead on to an empty one."""
    found = service.store.newest(state=which.state, limit=ON_A_PAGE + 1, before=which.before)
    shown = [AnalysisView.of(analysis) for analysis in found[:ON_A_PAGE]]
    return page(
        request,
        "analyses.html",
        analyses=shown,
        state=which.state,
        is_first=which.before is None,
        under_way=any(not view.state.ended for view in shown),
        here=_place(which.state, which.before),
        newest=_place(which.state, None),
        older=_place(which.state, shown[-1].id) if len(found) > ON_A_PAGE else None,
        may_run=visiting.role.covers(Role.RUN),
    )


def _place(state: AnalysisState | None, before: str | None) -> str:
    asked = {"state": state.value if state else None, "before": before}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{HOME}?{query}" if query else HOME
