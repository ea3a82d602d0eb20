"""The plots and the report of an ended analysis, as the coordinator answers them."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from coordinator.plots.catalogue import PlotName, plot
from coordinator.plots.svg import standalone
from tests.federation.fake_sites import FakeSite, build, client, submitted, until
from tests.federation.people import keys_file, shown
from tests.unit.pictured import Picture, numbers_of

pytestmark = pytest.mark.anyio

FORMS = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}


@pytest.fixture
def app(tmp_path: Path, sites: dict[str, FakeSite]) -> FastAPI:
    return build(tmp_path, sites)


async def ended(http: httpx.AsyncClient, **request: object) -> str:
    identifier = await submitted(http, **request)
    assert (await until(http, identifier))["state"] == "converged"
    return f"/v1/analyses/{identifier}"


async def test_a_plot_has_the_numbers_of_the_result_exactly(app: FastAPI) -> None:
    async with client(app) as http:
        place = await ended(http)
        result = (await http.get(f"{place}/result")).json()
        picture = Picture((await http.get(f"{place}/plots/forest.svg")).text)
    drawn = {row.get("data-label"): numbers_of(row) for row in picture.rows}
    names = ("estimate", "conf.low", "conf.high")
    assert drawn == {row["term"]: tuple(row[name] for name in names) for row in result["tidy"] if row["term"] == "x"}


@pytest.mark.parametrize("form", FORMS)
async def test_every_plot_is_there_in_every_form(app: FastAPI, form: str) -> None:
    async with client(app) as http:
        place = await ended(http)
        for name in PlotName:
            answer = await http.get(f"{place}/plots/{name}.{form}")
            assert answer.status_code == 200, answer.text
            assert answer.headers["Content-Type"].partition(";")[0] == FORMS[form]
            if form == "svg":
                assert answer.text == standalone(plot(name, (await http.get(f"{place}/result")).json()))


async def test_what_somebody_has_already_is_not_sent_again(app: FastAPI) -> None:
    async with client(app) as http:
        place = await ended(http)
        tags = set()
        for path in ("plots/forest.svg", "plots/ratios.svg", "plots/forest.png", "report"):
            first = await http.get(f"{place}/{path}")
            tag = first.headers["ETag"]
            again = await http.get(f"{place}/{path}", headers={"If-None-Match": f'"other", W/{tag}'})
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
            other = await http.get(f"{place}/{path}", headers={"If-None-Match": '"other"'})
            assert (other.status_code, other.content == first.content or path.endswith("png")) == (200, True)
            tags.add(tag)
    assert len(tags) == 4


async def test_the_report_is_a_page_whose_own_style_is_all_that_a_browser_may_use(app: FastAPI) -> None:
    async with client(app) as http:
        place = await ended(http, title="Deaths")
        answer = await http.get(f"{place}/report")
    assert answer.headers["Content-Type"].startswith("text/html")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
    assert "<title>Deaths</title>" in answer.text
    assert "curl -sL http://127.0.0.1/v1/analyses" in answer.text
    assert place.rpartition("/")[2] in answer.text


async def test_there_is_nothing_to_look_at_before_the_end_nor_of_a_plot_that_there_is_not(
    app: FastAPI, sites: dict[str, FakeSite]
) -> None:
    sites["Bern"].down = True
    async with client(app) as http:
        running = f"/v1/analyses/{await submitted(http)}"
        for path in ("plots/forest.svg", "plots/forest.png", "report"):
            early = await http.get(f"{running}/{path}")
            assert (early.status_code, early.json()["code"]) == (409, "no_result")
            assert (await http.get(f"/v1/analyses/unknown/{path}")).status_code == 404
        for path in ("plots/pie.svg", "plots/forest.gif"):
            assert (await http.get(f"{running}/{path}")).status_code in {404, 422}


async def test_ratios_of_a_link_without_any_are_refused_with_a_remedy(app: FastAPI) -> None:
    async with client(app) as http:
        place = await ended(http, link="probit")
        answer = await http.get(f"{place}/plots/ratios.svg")
    assert answer.status_code == 422
    assert answer.json()["where"] == "exponentiate"
    assert answer.json()["remedy"]


async def test_who_may_see_the_result_may_look_at_it(tmp_path: Path, sites: dict[str, FakeSite]) -> None:
    app = build(tmp_path, sites, keys=keys_file({"anna": "run", "rolf": "read"}))
    async with client(app) as http:
        http.headers = httpx.Headers(shown("anna"))
        place = await ended(http)
        for path in ("plots/forest.svg", "report"):
            assert (await http.get(f"{place}/{path}", headers=shown("rolf"))).status_code == 200
            assert (await http.get(f"{place}/{path}", headers={"Authorization": "Bearer none"})).status_code == 401
        report = (await http.get(f"{place}/report")).text
    assert "submitted by anna" in report
    assert "$(cat analyst.key)" in report
