"""`/docs` of both servers describes the interface, and loads nothing."""

from pathlib import Path

import httpx
import pytest

from site_node.app import create_app as create_site
from tests.federation.one_site import Site
from tests.federation.pages import Page, Visitor

pytestmark = pytest.mark.anyio


def elsewhere(page: Page) -> set[str]:
    """Where a page leads to; it has all places on it that it leads to itself."""
    within = {link for link in page.links() if link.startswith("#")}
    assert within <= {f"#{one['id']}" for _, one in page.elements if "id" in one}
    return page.links() - within


async def test_the_coordinators_interface_is_described_on_a_page_that_loads_nothing(anna: Visitor) -> None:
    answer = await anna.get("/docs")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    page = Page.of(answer)
    assert (elsewhere(page), page.all("script"), page.all("link")) == ({"/openapi.json"}, [], [])
    assert "GET /v1/analyses" in page.text
    assert "a part of the formula, in small or capital letters" in page.text
    assert "wait=SECONDS holds the answer back" in page.text, "without a mark of its own"
    assert "length_of_stay ~ age10 + sex" in page.text, "an example of a request"
    assert "there is no such analysis here. See what there is." in page.text, "an error"
    assert (await anna.get("/redoc")).status_code == 404


async def test_a_sites_interface_is_described_on_a_page_that_loads_nothing(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(create_site(Site(tmp_path).settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        page = Page.of(await http.get("/docs"))
        assert (elsewhere(page), page.all("script"), page.all("link")) == ({"/openapi.json"}, [], [])
        assert "POST /v1/analyses/{analysis_id}/prepare" in page.text
        assert "Sent, for example" in page.text
        assert (await http.get("/openapi.json")).status_code == 200
        assert (await http.get("/redoc")).status_code == 404
