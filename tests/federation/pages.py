"""A visitor of the coordinator's pages, who sends forms as a browser does, and a page as its reader takes it apart."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI

from tests.federation.fake_sites import REQUEST, until
from tests.federation.people import key_of

HOST = "http://127.0.0.1:8000"
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
"""What a page may load and where it may send forms, as every one of them says."""
BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
VOID = frozenset({"meta", "link", "input", "img", "br", "hr", "rect", "path", "line", "circle", "polygon", "polyline"})


@dataclass
class Page(HTMLParser):
    """What stands in a page: its elements with their attributes, and its text."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    open_elements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def of(cls, response: httpx.Response) -> "Page":
        page = cls()
        page.feed(response.text)
        page.close()
        assert page.open_elements == [], "every element is closed"
        page.text = " ".join(page.text.split())
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open_elements.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open_elements.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open_elements and self.open_elements[-1] not in {"script", "style"}:
            self.text += f"{data} "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def links(self) -> set[str]:
        """Whatever the page leads to or loads by itself, or a part of it asks for, on this coordinator."""
        places = {
            attributes[name]
            for _, attributes in self.elements
            for name in ("href", "src", "hx-get")
            if attributes.get(name)
        }
        return {place for place in places if place is not None and not place.startswith("#")}

    def value(self, name: str) -> str:
        """What a field of a form holds."""
        found = [one.get("value") or "" for one in self.all("input") if one.get("name") == name]
        assert found, f"there is no field {name}"
        return found[0]


@dataclass
class Visitor:
    """Somebody with a browser."""

    http: httpx.AsyncClient

    async def get(self, place: str, **headers: str) -> httpx.Response:
        return await self.http.get(place, headers=headers)

    async def page(self, place: str) -> Page:
        response = await self.get(place)
        assert response.status_code == 200, (place, response.status_code, response.text)
        return Page.of(response)

    async def send(self, place: str, fields: Mapping[str, Any], *, seen: str) -> httpx.Response:
        """Sends a form of a page that was seen, with its token, as a browser does."""
        token = Page.of(await self.get(seen)).value("form_token")
        return await self.http.post(place, data={"form_token": token, **fields}, headers={"Origin": HOST})

    async def sign_in(self, name: str) -> httpx.Response:
        return await self.send("/sign-in", {"key": key_of(name), "after": "/analyses"}, seen="/sign-in")


@asynccontextmanager
async def visitor(app: FastAPI, signed_in: str = "") -> AsyncIterator[Visitor]:
    """A visitor of a coordinator whose lifespan somebody else looks after."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=BROWSER) as http:
        made = Visitor(http)
        if signed_in:
            assert (await made.sign_in(signed_in)).status_code == 303
        yield made


async def submitted(anna: Visitor, *states: str, **request: Any) -> str:
    """An analysis in one of the states; ended unless given."""
    answer = await anna.http.post("/v1/analyses", json=REQUEST | request)
    assert answer.status_code == 201, answer.text
    await until(anna.http, answer.json()["id"], *states)
    return str(answer.json()["id"])
