"""One fit by curl, from Python, from R, on the terminal and on the page: the same numbers everywhere, to the last digit."""

import csv
import io
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from coordinator.calls import calls
from coordinator.client import Coordinator, Fit
from coordinator.client.federation import federation
from shared.request import AnalysisRequest
from tests.e2e.commands import DATA, run
from tests.e2e.r_package import Library, numbers
from tests.unit.pictured import Picture, numbers_of

REQUEST = AnalysisRequest(formula="death ~ treatment + (1 | site)", family="binomial")
NUMBERS = ("estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high")
PLOTTED = ("estimate", "conf.low", "conf.high")
INTERCEPT = ("fixed", "(Intercept)")
"""The one estimate that is in no plot."""
PATIENCE = 60.0
SPLIT = (str(DATA / "betablocker.csv"), "--by", "trial", "--nodes", "4", "--levels", "treatment=control,beta-blocker")
Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A coordinator with four sites, and the fit that curl asked it for."""

    url: str
    identifier: str
    result: Json

    @property
    def calls(self) -> Mapping[str, str]:
        """The same fit again, as the pages write it for curl, Python and R."""
        return calls(REQUEST, self.url, keyed=False)

    def page(self, part: str) -> str:
        """A page of this fit, or a file on it."""
        answer = httpx.get(f"{self.url}/analyses/{self.identifier}/{part}", timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.content.decode()

    def terminal(self, *arguments: str) -> str:
        """What a command prints."""
        done = run("fedglmm", *arguments, "--coordinator", self.url)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    with federation(SPLIT, "open") as url:
        call = calls(REQUEST, url, keyed=False)["curl"]
        done = subprocess.run(
            ["/bin/bash", "-c", call], capture_output=True, text=True, timeout=2 * PATIENCE, check=True
        )
        with Coordinator(url) as coordinator:
            (analysis,) = coordinator.analyses()
        yield Asked(url, analysis["id"], json.loads(done.stdout))


def lasting(result: Json) -> Json:
    """The numbers that do not hang on the clock."""
    trace = [{**entry, "seconds": None} for entry in result["convergence"]["trace"]]
    kept = {name: result[name] for name in ("tidy", "glance", "vcov", "vcov_all")}
    return {**kept, "convergence": {**result["convergence"], "trace": trace}}


def read_csv(text: str) -> list[Json]:
    """The rows of a table of estimates; what is empty is missing."""
    rows = csv.DictReader(io.StringIO(text))
    return [
        {name: None if cell == "" else float(cell) if name in NUMBERS else cell for name, cell in row.items()}
        for row in rows
    ]


def rounded(text: str, value: float | None) -> bool:
    """Whether a text is a number, rounded to the digits that it shows."""
    if value is None:
        return text == ""
    if text.startswith("< "):
        return value < float(text[2:])
    return Decimal(value).quantize(Decimal(text)) == Decimal(text)


def test_python_gives_what_curl_gives(asked: Asked) -> None:
    session: dict[str, Any] = {}
    with redirect_stdout(io.StringIO()):
        exec(asked.calls["Python"], session)  # noqa: S102 -- as the pages write it
    fit: Fit = session["fit"]
    assert {row["effect"] for row in asked.result["tidy"]} == {"fixed", "ran_pars", "ran_vals"}
    assert lasting(fit.result) == lasting(asked.result)
    assert fit.tidy() == asked.result["tidy"]
    covariance = [list(row.values()) for row in fit.cov_params().values()]
    assert covariance == asked.result["vcov"]["matrix"]
    assert (fit.llf, fit.aic, fit.bic, fit.nobs) == tuple(
        asked.result["glance"][name] for name in ("logLik", "AIC", "BIC", "nobs")
    )


def test_the_terminal_gives_what_curl_gives(asked: Asked, tmp_path: Path) -> None:
    assert json.loads(asked.terminal("show", asked.identifier, "--json")) == asked.result
    assert lasting(json.loads(asked.terminal("fit", REQUEST.formula, "--json"))) == lasting(asked.result)
    table = tmp_path / "estimates.csv"
    asked.terminal("export", asked.identifier, "--format", "csv", "--out", str(table))
    assert read_csv(table.read_text(encoding="utf-8")) == asked.result["tidy"]
    shown = asked.terminal("show", asked.identifier)
    for row in asked.result["tidy"]:
        if row["effect"] == "fixed":
            (line,) = re.findall(rf"^{re.escape(row['term'])} +(.*?)[ *.]*$", shown, re.MULTILINE)
            cells = re.findall(r"(?:< ?)?\S+", line)
            assert all(rounded(cell, row[name]) for cell, name in zip(cells, NUMBERS[:4], strict=True)), line


def test_the_page_hands_out_and_shows_what_curl_gives(asked: Asked) -> None:
    assert json.loads(asked.page("files/result.json")) == asked.result
    assert read_csv(asked.page("files/estimates.csv")) == asked.result["tidy"]
    page = asked.page("result")
    (table,) = re.findall(r'<table class="estimates">.*?</table>', page, re.DOTALL)
    lines = [[cell.text or "" for cell in row.iter("td")] for row in ET.fromstring(table).iter("tr")]  # noqa: S314 -- ours
    for cells, row in zip(filter(None, lines), asked.result["tidy"], strict=True):
        assert all(rounded(cell, row[name]) for cell, name in zip(cells, NUMBERS, strict=True)), (cells, row)


def test_the_plots_of_the_page_carry_what_curl_gives(asked: Asked) -> None:
    pictures = [Picture(svg) for svg in re.findall(r"<svg.*?</svg>", asked.page("result"), re.DOTALL)]
    drawn = [numbers_of(row) for picture in pictures for row in picture.rows if row.get("data-label")]
    given = [
        tuple(row[name] for name in PLOTTED)
        for row in asked.result["tidy"]
        if (row["effect"], row["term"]) != INTERCEPT
    ]
    assert sorted(drawn) == sorted(given)


@pytest.mark.skipif(os.environ.get("FEDGLMM_R") != "1", reason="it needs R and its packages: set FEDGLMM_R=1")
def test_r_gives_what_curl_gives(asked: Asked, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    library: Library = request.getfixturevalue("r_library")
    columns = ", ".join(f"`{name}` = bits(tidy$`{name}`)" for name in NUMBERS)
    said = library.says(
        f"{asked.calls['R']}\ntidy <- generics::tidy(fit)\n"
        f"told(list(tidy = list({columns}), vcov = bits(t(vcov(fit))), glance = bits(c(logLik(fit), AIC(fit), BIC(fit)))))",
        tmp_path,
    )
    told = json.loads(said.splitlines()[-1])
    given = {name: [row[name] for row in asked.result["tidy"]] for name in NUMBERS}
    assert {name: numbers(told["tidy"][name]) for name in NUMBERS} == given
    assert numbers(told["vcov"]) == [value for row in asked.result["vcov"]["matrix"] for value in row]
    assert numbers(told["glance"]) == [asked.result["glance"][name] for name in ("logLik", "AIC", "BIC")]


def test_page_terminal_and_python_give_one_report(asked: Asked, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    asked.terminal("export", asked.identifier, "--format", "report", "--out", str(file))
    with Coordinator(asked.url) as coordinator:
        report = coordinator.report(asked.identifier)
    assert file.read_bytes() == report.encode() == asked.page("report").encode()
    assert REQUEST.formula in report
