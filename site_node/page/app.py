"""The one place that builds the site's page: settings in, a web application out."""

from collections.abc import Callable

from fastapi import APIRouter, Depends, FastAPI
from starlette.staticfiles import StaticFiles

from shared.body_limit import BodyLimit
from shared.page import STATIC
from shared.page.sessions import Sessions
from site_node.guard import add_guard
from site_node.page import analyses_page, data_page, ledger_page, policy_page, signing_in, waiting_page
from site_node.page.counter import Counter
from site_node.page.door import Door
from site_node.page.errors import add_errors
from site_node.page.own_address import OwnAddress
from site_node.page.visitor import visitor
from site_node.settings import SiteSettings

HOST = "127.0.0.1"
"""Where it listens; no setting changes that."""
LARGEST_FORM = 64 * 2**10
"""Bytes."""
INSIDE = (waiting_page, analyses_page, ledger_page, data_page, policy_page)
"""The pages behind the sign-in."""


def create_page(
    settings: SiteSettings, port: int, tell: Callable[[str], None], sessions: Sessions | None = None
) -> FastAPI:
    """The page of one site.

    No page but the sign-in is shown to whom `visitor` has not let in, whatever route is added later.

    Args:
        settings: what site.toml says.
        port: where it listens.
        tell: is given the link that lets somebody in, at the start and after each use.
        sessions: who is in; nobody unless given.
    """
    app = FastAPI(title=f"fedglmm site {settings.name}: page", openapi_url=None, docs_url=None, redoc_url=None)
    address = f"{HOST}:{port}"
    door = Door(
        lambda code: tell(f"http://{address}/sign-in?code={code}"), Sessions() if sessions is None else sessions
    )
    app.state.counter = Counter(settings, door, cookie=f"fedglmm-site-{port}")
    app.include_router(signing_in.router)
    inside = APIRouter(dependencies=[Depends(visitor)])
    for pages in INSIDE:
        inside.include_router(pages.router)
    app.include_router(inside)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    add_errors(app)
    app.add_middleware(BodyLimit, limit=LARGEST_FORM)
    add_guard(app, settings.name, key=None)
    app.add_middleware(OwnAddress, hosts=frozenset({address, f"localhost:{port}"}))
    door.unlock()
    return app
