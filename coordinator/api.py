"""The analyst's interface over HTTP, put together from its routes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import Depends, FastAPI, Request, Response

from coordinator.dashboard import pages
from coordinator.guard import Guard
from coordinator.routes import analyses, consortium, events, pictures, submission
from coordinator.routes.service import FORBIDDEN, Service, caller
from shared import openapi
from shared.body_limit import BodyLimit
from shared.interface_page import headers, interface_page
from shared.messages import Health
from shared.page.sessions import Sessions

LARGEST_REQUEST = 2**20
"""Bytes."""


def create_api(service: Service, sessions: Sessions) -> FastAPI:
    """The app, for programs and with pages; its lifespan takes up unfinished analyses, and leaves them resumable."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        """Runs analyses while the server serves, and closes what they use in the end."""
        async with AsyncExitStack() as stack:
            stack.callback(service.store.close)
            for site in service.sites.values():
                await stack.enter_async_context(site)
            stack.push_async_callback(service.runner.stop)
            await service.runner.start()
            yield

    app = FastAPI(
        title="fedglmm coordinator",
        summary="Mixed models over sites that keep their rows",
        lifespan=lifespan,
        docs_url=None,  # the framework's own page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.get("/health")(health)
    app.get("/docs", include_in_schema=False)(docs)
    for routes in (submission, analyses, pictures, events, consortium):
        app.include_router(
            routes.router,
            prefix="/v1",
            dependencies=[Depends(caller)],
            responses=openapi.problems(401, 500, 503, other={403: FORBIDDEN}),
        )
    app.add_middleware(BodyLimit, limit=LARGEST_REQUEST)
    app.add_middleware(Guard, access=service.access)  # around the limit: who may not ask sends no body
    pages.install(app, sessions)
    return app


async def docs(request: Request) -> Response:
    """What there is for programs."""
    return Response(interface_page(request.app.openapi()), headers=headers(), media_type="text/html")


async def health() -> Health:
    """Whether the coordinator is up."""
    return Health()
