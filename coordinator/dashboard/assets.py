"""Files that pages load: styles, scripts and pictures, all of this coordinator's own. Nobody needs a key for them."""

from pathlib import Path

from fastapi import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from coordinator.dashboard.rendering import HEADERS

FOLDER = Path(__file__).parent / "static"


class Assets(StaticFiles):
    """The folder's files, and those that a site's page has too.

    A browser asks anew whether one has changed: after an update no page meets an older script.
    """

    def __init__(self) -> None:
        super().__init__(directory=FOLDER, packages=[("shared.page", "static")])

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or that it has not changed."""
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS | {"Cache-Control": "no-cache"})
        return response
