"""The pages, put together from their routes."""

from fastapi import APIRouter, Depends, FastAPI

from coordinator import problems
from coordinator.dashboard import analyses_page, analysis_page, new_page, result_page, signing_in, sites_page
from coordinator.dashboard.assets import Assets
from coordinator.dashboard.errors import answer
from coordinator.dashboard.visitor import visitor
from shared.page.sessions import Sessions

INSIDE = (analyses_page, new_page, analysis_page, result_page, sites_page)
"""The pages behind the sign-in; the first one whose path fits answers."""


def install(app: FastAPI, sessions: Sessions) -> None:
    """Adds the pages to the interface for programs, and has errors told as pages to whoever asks for a page.

    No page but the sign-in is shown to whom `visitor` has not let in, whatever route is added later.
    """
    app.state.sessions = sessions
    app.include_router(signing_in.router, include_in_schema=False)
    inside = APIRouter(dependencies=[Depends(visitor)])
    for pages in INSIDE:
        inside.include_router(pages.router)
    app.include_router(inside, include_in_schema=False)
    app.mount("/static", Assets(), name="static")
    problems.install(app, answer)
