"""Somebody at a site with a browser, before the site's page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from shared.page.sessions import Sessions
from site_node.page.app import create_page
from site_node.settings import SiteSettings
from tests.federation.pages import Page

PORT = 8155
HERE = f"http://127.0.0.1:{PORT}"
COOKIE = f"fedglmm-site-{PORT}"


@dataclass
class Person:
    """Their browser, and the links that the page's process printed."""

    http: httpx.AsyncClient
    links: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        """Of the last link."""
        return parse_qs(urlsplit(self.links[-1]).query)["code"][0]

    async def page(self, place: str, status: int = 200) -> Page:
        response = await self.http.get(place)
        assert response.status_code == status, (place, response.status_code, response.text)
        return Page.of(response)

    async def sign_in(self, code: str = "") -> httpx.Response:
        return await self.http.post("/sign-in", data={"code": code or self.code}, headers={"Origin": HERE})

    async def send(self, place: str, seen: str, **fields: Any) -> httpx.Response:
        """Sends a form of a page that was seen, with its token, as a browser does."""
        token = (await self.page(seen)).value("form_token")
        return await self.http.post(place, data={"form_token": token, **fields}, headers={"Origin": HERE})


@asynccontextmanager
async def person(
    settings: SiteSettings, *, signed_in: bool = True, sessions: Sessions | None = None
) -> AsyncIterator[Person]:
    """Somebody before the page of a site."""
    links: list[str] = []
    app = create_page(settings, PORT, links.append, sessions)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as http:
        made = Person(http, links)
        if signed_in:
            assert (await made.sign_in()).status_code == 303
        yield made
