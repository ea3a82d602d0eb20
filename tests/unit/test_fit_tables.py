"""Tables say what the result says: CSV to the last digit, HTML and LaTeX rounded, and nothing in them is markup by accident."""

import csv
import io
import math
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from coordinator.client.estimates import GLANCE, TIDY, glance, tidy
from coordinator.client.tables import csv_glance, csv_table, heads, html_table, latex_table
from shared.errors import RequestError
from shared.optimisation.outcome import OutcomeKind
from tests.unit.finished import result

ODD = "<b>&_\\$100%{x}~^|"


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def cells(html: str) -> list[list[str]]:
    table = ET.fromstring(html)  # noqa: S314 -- our own
    return [[cell.text or "" for cell in row] for body in table.findall("tbody") for row in body.findall("tr")]


@pytest.mark.parametrize("ending", [OutcomeKind.CONVERGED, OutcomeKind.SEPARATED])
def test_csv_holds_every_number_of_the_result_to_the_last_digit_and_nothing_for_what_is_missing(
    ending: OutcomeKind,
) -> None:
    made = result(ending)
    rows = read(csv_table(made))
    assert [tuple(row) for row in rows] == [TIDY] * len(made["tidy"])
    for row, told in zip(rows, made["tidy"], strict=True):
        assert {name: "" if value is None else str(value) for name, value in told.items()} == row
    (line,) = read(csv_glance(made))
    assert tuple(line) == GLANCE
    assert line == {name: "" if value is None else str(value) for name, value in glance(made).items()}


def test_intervals_at_the_results_own_level_are_the_results_own_to_the_last_digit() -> None:
    made = result(confidence_level=0.9)
    assert tidy(made, conf_level=0.9) == made["tidy"]
    assert all(
        wide["conf.low"] < row["conf.low"] <= row["conf.high"] < wide["conf.high"]
        for wide, row in zip(tidy(made, conf_level=0.99), made["tidy"], strict=True)
    )


def test_ratios_are_of_fixed_effects_and_their_intervals_are_exponentiated() -> None:
    made = result()
    ratios = tidy(made, exponentiate=True)
    for ratio, row in zip(ratios, made["tidy"], strict=True):
        if row["effect"] != "fixed":
            assert ratio == row
            continue
        for name in ("estimate", "conf.low", "conf.high"):
            assert ratio[name] == math.exp(row[name])
        assert ratio["std.error"] == math.exp(row["estimate"]) * row["std.error"]
        assert (ratio["statistic"], ratio["p.value"]) == (row["statistic"], row["p.value"])
    assert [row[0] for row in cells(html_table(made, exponentiate=True))] == ["Fixed effects", "x_dose"]


def test_a_table_of_ratios_leaves_the_intercept_out_and_broom_s_columns_keep_it() -> None:
    made = result()
    assert "(Intercept)" not in latex_table(made, exponentiate=True)
    assert "(Intercept)" in latex_table(made)
    assert [row["term"] for row in read(csv_table(made, exponentiate=True))][:2] == [
        "(Intercept)",
        "x_dose",
    ]


def test_a_ratio_beyond_the_numbers_is_missing() -> None:
    made = result()
    made["tidy"][0] |= {"estimate": 700.0, "conf.high": 710.0}
    (row, _) = tidy(made, "fixed", exponentiate=True)
    assert (row["estimate"], row["conf.high"]) == (math.exp(700.0), None)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(RequestError, match=r"no confidence level\. Write a fraction"):
        tidy(result(), conf_level=level)


def test_an_effect_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match=r"no effect `random`\. It is one of fixed, ran_pars, ran_vals"):
        tidy(result(), "random")


def test_the_html_table_is_named_and_every_cell_has_its_heads() -> None:
    table = ET.fromstring(html_table(result()))  # noqa: S314 -- our own
    assert [head.attrib for head in table.findall("thead/tr/th")] == [{"scope": "col"}] * 7
    assert (table.findtext("caption") or "").startswith("y ~ x_dose + (1 + x_dose | site), binomial (logit), 200 obs")
    for body in table.findall("tbody"):
        title, *rows = body.findall("tr")
        assert [cell.attrib for cell in title] == [{"scope": "rowgroup", "colspan": "7"}]
        assert all([cell.attrib.get("scope") for cell in row] == ["row", *[None] * 6] for row in rows)
    assert "style" not in html_table(result())


def test_the_html_table_shows_what_the_summary_shows() -> None:
    shown = {row[0]: row[1:] for row in cells(html_table(result()))}
    assert shown["x_dose"] == ["-1.20000", "0.50000", "-2.400", "0.0164", "-2.17998", "-0.22002"]
    assert shown["SD of x_dose by site"][:2] == ["0.50000", "0.10000"]
    assert shown["Correlation of (Intercept) and x_dose by site"][0] == "0.60000"
    assert shown["Bern: (Intercept)"][0] == "-0.40000"


def test_names_are_text_and_no_markup() -> None:
    made = result()
    made["tidy"][0]["term"] = ODD
    made["formula"] = ODD
    assert cells(html_table(made))[1][0] == ODD
    latex = latex_table(made)
    told = r"\textless{}b\textgreater{}\&\_\textbackslash{}\$100\%\{x\}\textasciitilde{}\textasciicircum{}\textbar{}"
    assert latex.count(told) == 2
    assert r"x\_dose & $-$1.20000 & 0.50000" in latex


@pytest.mark.parametrize("write", [html_table, latex_table])
def test_an_ending_without_estimates_is_said_before_its_numbers(write: Callable[[dict[str, Any]], str]) -> None:
    text = write(result(OutcomeKind.ROUND_LIMIT))
    assert 0 < text.index("No estimates (round") < text.index("(Intercept)")
    assert "No estimates" not in write(result())


def test_the_heads_say_the_level_and_the_scale() -> None:
    assert heads(result(confidence_level=0.9))[-2:] == ("90% low", "90% high")
    assert heads(result(), exponentiate=True, conf_level=0.975)[1::4] == ("exp(Estimate)", "97.5% low")
