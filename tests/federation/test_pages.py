"""What holds for every page of the coordinator's: it loads nothing from elsewhere, shows what others wrote as text, leads on."""

import re
from urllib.parse import quote

import pytest

from tests.federation.fake_sites import FakeSite, problem
from tests.federation.pages import POLICY, Page, Visitor, submitted

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert(1)</script>\" onload='x' {{ 7 * 7 }} &amp; \u202e"


async def everything(anna: Visitor, sites: dict[str, FakeSite]) -> list[str]:
    """Every page there is, of analyses that ended well, were refused, or are waited for; parts of pages too."""
    good = await submitted(anna, title=HOSTILE)
    sites["Bern"].override = lambda path, _body: (
        problem(403, "too_few_rows", f"the site has too few rows {HOSTILE}", "G5") if path == "prepare" else None
    )
    refused = await submitted(anna, title=HOSTILE)
    sites["Bern"].down = True
    paused = await submitted(anna, "paused", title=HOSTILE)
    of_one = [f"/analyses/{one}{part}" for one in (good, refused, paused) for part in ("", "/standing", "/trace")]
    results = [f"/analyses/{good}/result", f"/analyses/{good}/result?exponentiate=true"]
    new = ["/analyses/new", *(f"/analyses/new?again={one}" for one in (good, refused, paused))]
    lists = ["/analyses", "/analyses?state=", "/analyses?state=refused", "/analyses?state=cancelled"]
    lists += [f"/analyses?who={quote(HOSTILE)}&formula={quote(HOSTILE)}"]
    return [*lists, *of_one, *results, *new, "/sites", "/sites/now", "/sign-in", "/nothing"]


async def test_no_page_has_a_script_or_a_style_in_it_or_loads_anything_from_elsewhere(
    anna: Visitor, sites: dict[str, FakeSite]
) -> None:
    for place in await everything(anna, sites):
        answer = await anna.get(place)
        assert answer.headers["Content-Security-Policy"] == POLICY, place
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        page = Page.of(answer)
        assert page.all("style") == []
        assert all(one.get("src") for one in page.all("script")), place
        for _, attributes in page.elements:
            assert not [name for name in attributes if name == "style" or name.startswith(("on", "hx-on"))], place
        for link in page.links():
            assert re.match(r"/(?!/)|\?", link), (place, link)


async def test_every_link_of_every_page_answers(anna: Visitor, sites: dict[str, FakeSite]) -> None:
    tried: set[str] = set()
    for place in await everything(anna, sites):
        page = Page.of(await anna.get(place))
        path = place.partition("?")[0]
        links = {f"{path}{link}" if link.startswith("?") else link for link in page.links()}
        for link in links - tried:
            answer = await anna.get(link)
            assert answer.status_code in {200, 303}, (place, link, answer.status_code)
        tried |= links
    assert len(tried) > 30


async def test_what_others_wrote_is_shown_and_never_a_part_of_the_page(
    anna: Visitor, sites: dict[str, FakeSite]
) -> None:
    shown = 0
    for place in await everything(anna, sites):
        answer = await anna.get(place)
        assert "<script>alert" not in answer.text, place
        page = Page.of(answer)
        shown += HOSTILE.partition("\u202e")[0].strip() in page.text
        assert not any(attributes.get("onload") for _, attributes in page.elements)
    assert shown >= 8


async def test_every_page_can_be_found_ones_way_in(anna: Visitor, sites: dict[str, FakeSite]) -> None:
    """A language, one heading of the first order, landmarks, a name for every field, heads for every column."""
    for place in await everything(anna, sites):
        page = Page.of(await anna.get(place))
        if place.endswith(("/standing", "/trace")):
            continue
        assert page.all("html")[0]["lang"] == "en"
        assert len(page.all("h1")) == len(page.all("main")) == len(page.all("header")) == 1, place
        assert all("alt" in image for image in page.all("img"))
        labelled = {one.get("for") for one in page.all("label")}
        for tag in ("input", "select", "textarea"):
            for one in page.all(tag):
                named = one.get("id") in labelled or one.get("aria-label") or one.get("type") in {"hidden", "checkbox"}
                assert named, (place, one)
        assert all(one.get("scope") for one in page.all("th")), place
        assert len(page.all("caption")) == len(page.all("table")), place
        ids = [one["id"] for _, one in page.elements if "id" in one]
        assert len(ids) == len(set(ids)), place


async def test_files_of_the_pages_are_asked_for_anew_and_found_unchanged(anna: Visitor) -> None:
    first = await anna.get("/static/page.css")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await anna.get("/static/page.css", **{"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    for outside in ("/static/../rendering.py", "/static/%2e%2e/rendering.py", "/static/vendor/../../rendering.py"):
        assert (await anna.get(outside)).status_code == 404, outside
