"""The pages' own arithmetic and words: steps, formulas of a choice, the place of a fault, refusals, numbers for the eye."""

from dataclasses import replace

import pytest

from coordinator.dashboard.draft import Draft, marked, written
from coordinator.dashboard.standing_of_sites import SHOWN, Agreement, agreements, refusals
from coordinator.dashboard.trace import trace_rows
from coordinator.dashboard.wording import decimals, moment, p_value, significant
from coordinator.records import Analysis, TraceEntry
from coordinator.states import AnalysisState
from shared.errors import DictionaryError, FedglmmError, FormulaError
from shared.formula.grammar import parse
from shared.messages import Problem
from shared.request import AnalysisRequest
from tests.unit.smallest import SPECIFICATION


def entry(number: int, *, accepted: bool = True) -> TraceEntry:
    return TraceEntry(number, -1.0, 0.1, accepted, 0.01)


def test_a_step_is_as_long_as_the_way_from_the_psi_that_was_taken_last() -> None:
    entries = [entry(1), entry(2, accepted=False), entry(3), entry(4)]
    tried = [(0.0, 0.0), (30.0, 40.0), (3.0, 4.0), (3.0, 5.0)]
    assert [row.step for row in trace_rows(entries, tried)] == [None, 50.0, 5.0, 1.0]


def test_a_round_that_is_stored_while_the_page_is_made_is_on_the_next_one() -> None:
    assert len(trace_rows([entry(1)], [(0.0,), (1.0,)])) == 1
    assert len(trace_rows([entry(1), entry(2)], [(0.0,)])) == 1
    assert trace_rows([], []) == []


@pytest.mark.parametrize(
    ("response", "terms", "group", "formula"),
    [
        ("y", ("x", "z"), "site", "y ~ x + z + (1 | site)"),
        ("y", ("x", "y"), "", "y ~ x"),
        ("y", (), "clinic", "y ~ 1 + (1 | clinic)"),
        ("y", (), "", "y ~ 1"),
    ],
)
def test_a_choice_of_variables_is_a_formula_that_can_be_read(
    response: str, terms: tuple[str, ...], group: str, formula: str
) -> None:
    assert written(response, terms, group) == formula
    assert parse(formula).response.value == response


@pytest.mark.parametrize(
    ("formula", "where", "at"),
    [
        ("y ~ agge + x", "formula, character 5, at `agge`", "agge"),
        ("y ~ x +* z", "formula, character 8, at `*`", "*"),
        ("y ~ (x", "formula, character 7, at `the end`", " "),
        ("y ~ x", "formula, character 99, at `z`", " "),
    ],
)
def test_the_place_of_a_fault_is_one_word_or_sign_of_the_formula(formula: str, where: str, at: str) -> None:
    found = marked(formula, FormulaError("wrong.", where=where))
    assert found is not None
    assert found.at == at
    assert (found.before + found.at + found.after).rstrip() == formula


@pytest.mark.parametrize(
    "error", [FormulaError("wrong.", where="formula"), DictionaryError("formula, character 1, at `y`")]
)
def test_an_error_that_names_no_place_marks_none(error: FedglmmError) -> None:
    assert marked("y ~ x", error) is None


def test_a_request_that_is_repeated_unchanged_is_the_same_request() -> None:
    request = AnalysisRequest(
        formula="y ~ x",
        family="gamma",
        link="inverse",
        weights="n",
        quadrature_points="auto",
        sites=("B",),
        tolerance=1e-9,
    )
    assert Draft.of_request(request, ("A", "B")).request(("A", "B")) == request
    everywhere = AnalysisRequest(formula="y ~ x", family="gaussian", reml=True)
    assert Draft.of_request(everywhere, ("A", "B")).request(("A", "B")) == everywhere


def analysis(state: AnalysisState, *problems: Problem, since: str = "2026-01-01") -> Analysis:
    request = AnalysisRequest(formula="y ~ 1")
    new = Analysis.submitted(request, SPECIFICATION.model_copy(update={"roster": ("A", "B")}))
    return replace(new, state=state, problems=problems, since=since)


def test_a_site_has_the_dictionary_that_its_last_analysis_found() -> None:
    other = Problem(code="other_dictionary", message="another.", where="A: the dictionary")
    by_rule = Problem(code="too_few_rows", message="few.", where="B", rule="G5")
    fitted = analysis(AnalysisState.CONVERGED, since="2026-01-01")
    refused = analysis(AnalysisState.REFUSED, other, by_rule, since="2026-01-02")
    of_before = analysis(AnalysisState.CONVERGED, since="2026-01-03")
    found = agreements([of_before, refused, fitted], lambda one: one != of_before.id)
    assert found == {
        "A": Agreement(agrees=False, at="2026-01-02", analysis_id=refused.id),
        "B": Agreement(agrees=True, at="2026-01-02", analysis_id=refused.id),
    }
    assert agreements([fitted], lambda _one: True)["A"].agrees
    assert agreements([analysis(AnalysisState.PAUSED)], lambda _one: True) == {}


def test_the_last_refusals_of_a_site_are_told_by_rule_the_newest_first() -> None:
    few = Problem(code="too_few_rows", message="only 7 rows.", where="A", rule="G5")
    newest_first = [analysis(AnalysisState.REFUSED, few, since=f"2026-01-{20 - day}") for day in range(SHOWN + 3)]
    failed = analysis(AnalysisState.FAILED, Problem(code="site", message="late.", where="A"))
    found = refusals([failed, *newest_first])
    assert [one.at for one in found["A"]] == [one.since for one in newest_first[:SHOWN]]
    assert {(one.rule, one.code) for one in found["A"]} == {("G5", "too_few_rows")}


def test_numbers_for_the_eye() -> None:
    assert decimals(-1.5) == "\N{MINUS SIGN}1.5000"
    assert decimals(1e-9, 2) == "1e\N{MINUS SIGN}09"
    assert decimals(None) == significant(None) == p_value(None) == moment(None) == "\N{EN DASH}"
    assert decimals(float("inf")) == "\N{EN DASH}"
    assert significant(0.000123456, 3) == "0.000123"
    assert p_value(0.0) == "< 2e-16"
    assert p_value(0.0123) == "0.0123"
    assert moment("2026-11-22T17:37:44.990+00:00") == "2026-11-22 17:37"
