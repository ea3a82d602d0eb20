"""The report of a real fit says what a reader needs, what to know first at the top, and loads nothing."""

import math
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from coordinator.plots.estimates import rows_of
from coordinator.report.page import Occasion, report, style
from coordinator.report.tables import NONE
from tests.reference.finished import BOUNDARY, GAUSSIAN, INSIDE, result

OCCASION = Occasion(
    "k7mqabcdefgh",
    "anna",
    "2026-11-22T17:37:44.964+00:00",
    "2026-11-22T17:38:02.964+00:00",
    {"curl": "curl -sL 'http://127.0.0.1:8000/v1/analyses' -d '{\"formula\": \"a < b\"}'"},
)
VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """A page's tags, which have to be balanced, its texts, and the cells of its tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        """All of it, in order."""
        return " ".join(" ".join(self.texts).split())

    def row(self, name: str) -> list[str]:
        """The table row of that name."""
        return next(row for row in self.rows if row and row[0] == name)


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").replace(",", ""))


def held(text: str, value: float) -> None:
    """The text is the number, up to half of its last digit."""
    decimals = len(text.partition(".")[2])
    assert abs(number(text) - value) <= 0.5000001 * 10.0**-decimals, (text, value)


@pytest.mark.parametrize("name", [INSIDE, GAUSSIAN, BOUNDARY])
def test_the_tables_have_the_results_numbers(name: str) -> None:
    made = result(name)
    page = Page(report(made, OCCASION))
    for row in rows_of(made, "fixed"):
        term, estimate, error, z, _, interval, *_ = page.row(row["term"])
        assert term == row["term"]
        for text, column in ((estimate, "estimate"), (error, "std.error"), (z, "statistic")):
            held(text, row[column])
        low, high = interval.strip("[]").split(", ")
        held(low, row["conf.low"])
        held(high, row["conf.high"])
    held(page.row("log-likelihood")[1], made["glance"]["logLik"])
    held(page.row("AIC")[1], made["glance"]["AIC"])
    for site in made["roster"]:
        assert page.row(site["site"])[1] == f"{site['rows']:,}"
        assert page.row(site["site"])[-1] == site["fingerprint"]


def test_the_intercept_has_no_ratio_and_the_others_have() -> None:
    made = result(INSIDE)
    page = Page(report(made, OCCASION))
    intercept, *others = rows_of(made, "fixed")
    assert page.row("Term")[-1] == "Odds ratio [90% CI]"
    assert page.row(intercept["term"])[-1] == NONE
    for row in others:
        shown, low, high = re.split(r" \[|, ", page.row(row["term"])[-1].strip("]"))
        for text, column in ((shown, "estimate"), (low, "conf.low"), (high, "conf.high")):
            held(text, math.exp(row[column]))


def test_a_model_of_an_intercept_alone_has_no_ratios() -> None:
    made = result(INSIDE)
    made["tidy"] = [row for row in made["tidy"] if row["effect"] != "fixed" or row["term"] == "(Intercept)"]
    assert "Odds ratio" not in report(made, OCCASION)


def test_what_a_diagnostic_means_is_said_beside_it() -> None:
    text = Page(report(result(INSIDE), OCCASION)).text
    assert text.index("Smallest curvature, scaled") < text.index("1 where the data tell all parameters apart")


def test_what_to_know_first_comes_first() -> None:
    made = result(BOUNDARY)
    text = Page(report(made, OCCASION)).text
    first = [text.index(one["message"]) for one in made["warnings"] if one["code"] != "boundary"]
    assert text.index("Boundary after") < text.index(made["convergence"]["advice"]) < text.index("Fixed effects")
    assert first
    assert max(first) < text.index("Model")


def test_the_model_is_said_in_words() -> None:
    text = Page(report(result(GAUSSIAN), OCCASION)).text
    assert "A linear mixed model of y: Gaussian family, identity link." in text
    assert "Tests and intervals are Wald's" in text
    assert "vary by woman, correlated." in text
    assert "the random effects are integrated out exactly" in text
    known = Page(report(result("contraception_ri", known_sd=0.5), OCCASION)).text
    assert "The intercept varies by woman, with a known standard deviation of 0.5." in known
    assert "by the Laplace approximation" in known


def test_it_says_which_analysis_it_was_and_how_to_cite_and_repeat_it() -> None:
    made = result(INSIDE)
    text = Page(report(made, OCCASION)).text
    assert "k7mqabcdefgh , submitted by anna" in text
    assert made["specification_sha256"] in text
    assert made["specification"]["dictionary_sha256"] in text
    assert f"fedglmm {made['software']['fedglmm']}, protocol {made['software']['protocol']}" in text
    cited = text.split("How to cite")[1]
    assert "2026-11-22, analysis k7mqabcdefgh" in cited
    assert made["specification_sha256"][:16] in cited
    assert OCCASION.calls["curl"] in Page(report(made, OCCASION)).texts


def test_a_result_alone_is_reported_without_what_it_does_not_know() -> None:
    text = Page(report(result(INSIDE))).text
    assert "Submitted" not in text
    assert "How to cite" in text


def test_it_loads_nothing_and_runs_nothing() -> None:
    html = report(result(INSIDE), OCCASION)
    page = Page(html)
    assert not page.seen & {"script", "link", "img", "iframe", "object", "form"}
    assert not {"style", "src", "href", "onload", "onclick"} & page.attributes
    assert "@import" not in style()
    assert "url(" not in style()
    assert set(re.findall(r"https?://[^'\"<\s/]+", html)) == {"http://127.0.0.1:8000", "http://www.w3.org"}


def test_whatever_a_name_holds_is_text() -> None:
    hostile = "<script>alert('&')</script>"
    made: dict[str, Any] = result(INSIDE) | {"title": hostile}
    made["tidy"] = [row | ({"term": hostile} if row["effect"] == "fixed" else {}) for row in made["tidy"]]
    made["roster"] = [row | {"site": hostile} for row in made["roster"]]
    page = Page(report(made, OCCASION))
    assert "script" not in page.seen
    assert page.row(hostile)


def test_an_ending_without_estimates_reports_none() -> None:
    made = result(INSIDE)
    made["convergence"] |= {"outcome": "not_identified", "advice": "The data cannot tell these apart: a, b."}
    page = Page(report(made, OCCASION))
    assert "Not identified" in page.text
    assert "The data cannot tell these apart: a, b." in page.text
    assert "Fixed effects" not in page.text
    assert not any(row and row[0] == "AIC" for row in page.rows)


def test_counts_that_a_site_did_not_release_are_dashes() -> None:
    made = result(INSIDE)
    made["roster"] = [row | {"rows": None, "rows_dropped": None, "groups": None} for row in made["roster"]]
    assert Page(report(made, OCCASION)).row("Bern")[1:3] == ["\u2013", "\u2013"]


def test_countersignatures_are_told_by_site() -> None:
    made = result(INSIDE)
    made["countersigned"] = {
        "signed": {"session": "ab" * 32, "root": "cd" * 32},
        "signatures": {"Basel": "1", "Bern": "2"},
    }
    text = Page(report(made, OCCASION)).text
    assert "2 sites of 2 signed the end of this analysis" in text
    assert "Signed by Basel, Bern." in text
    assert "ab" * 32 in text
