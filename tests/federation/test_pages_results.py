"""A result on the coordinator's pages: its numbers, its warnings, its files."""

import csv
import io
import json

import pytest

from coordinator.client.summary import summary
from coordinator.client.tables import latex_table
from coordinator.plots.catalogue import PlotName, plot
from coordinator.plots.svg import standalone
from tests.federation.pages import Page, Visitor, submitted

pytestmark = pytest.mark.anyio


async def test_a_result_is_shown_as_lme4_prints_it_with_its_tables_and_plots(anna: Visitor) -> None:
    analysis = await submitted(anna)
    result = (await anna.get(f"/v1/analyses/{analysis}/result")).json()
    page = await anna.page(f"/analyses/{analysis}/result")
    assert " ".join(summary(result).split()) in page.text
    assert "Tests and intervals are Wald's" in page.text
    drawn = [one["aria-labelledby"] for one in page.all("svg")]
    assert drawn == ["forest-title", "correlation-title"]
    rows = [one for one in page.all("g") if one.get("class") == "row"]
    (slope,) = [row for row in result["tidy"] if row["term"] == "x"]
    assert [float(one["data-estimate"] or "nan") for one in rows][:1] == [slope["estimate"]]
    ratios = await anna.page(f"/analyses/{analysis}/result?exponentiate=true")
    assert [one["aria-labelledby"] for one in ratios.all("svg")] == ["ratios-title", "correlation-title"]


async def test_warnings_come_before_any_number(anna: Visitor) -> None:
    analysis = await submitted(anna, max_rounds=1)
    answer = await anna.get(f"/analyses/{analysis}/result")
    text = Page.of(answer).text
    assert text.index("The rounds are used up") < text.index("Summary")
    assert "Estimates" not in text


async def test_every_file_of_a_result_is_what_it_says(anna: Visitor) -> None:
    analysis = await submitted(anna)
    result = (await anna.get(f"/v1/analyses/{analysis}/result")).json()
    names = {
        link.rpartition("/")[2]
        for link in (await anna.page(f"/analyses/{analysis}/result")).links()
        if "/files/" in link
    }
    files = {}
    for name in names:
        answer = await anna.get(f"/analyses/{analysis}/files/{name}")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{analysis}-{name}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        files[name] = answer.content
    assert json.loads(files["result.json"]) == result
    rows = list(csv.DictReader(io.StringIO(files["estimates.csv"].decode())))
    assert [float(row["estimate"]) for row in rows] == [row["estimate"] for row in result["tidy"]]
    assert files["estimates.tex"].decode() == latex_table(result)
    assert files["forest.svg"].decode() == standalone(plot(PlotName.FOREST, result))
    assert files["convergence.png"].startswith(b"\x89PNG")
    assert files["ratios.pdf"].startswith(b"%PDF")
    assert (await anna.get(f"/analyses/{analysis}/files/passwd")).status_code == 404
