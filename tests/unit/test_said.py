"""A site takes no specification whose terms are something else than its formula says: people read the formula."""

from collections.abc import Callable
from typing import Any

import pytest

from coordinator.request import resolve
from shared.dictionary import Dictionary
from shared.errors import DataError
from shared.request import AnalysisRequest
from shared.said import check_said
from shared.specification import Specification

DICTIONARY = Dictionary.model_validate(
    {
        "variables": [
            {"name": "died", "type": "factor", "levels": ["no", "yes"]},
            {"name": "arm", "type": "factor", "levels": ["old", "new"]},
            {"name": "stage", "type": "factor", "levels": ["I", "not  known"]},
            {"name": "age", "type": "number", "range": [18, 98], "mean": 60.0, "sd": 10.0},
            {"name": "years", "type": "number"},
            {"name": "clinic", "type": "group"},
        ]
    }
)
FORMULA = "died ~ arm + age + offset(log(years)) + (1 + age | clinic)"
AGE = {"kind": "numeric", "expression": {"kind": "variable", "name": "age"}}
MINUS_AGE = {"kind": "numeric", "expression": {"kind": "negative", "argument": AGE["expression"]}}
Change = Callable[[dict[str, Any]], object]


def resolved(formula: str, **more: Any) -> Specification:
    return resolve(AnalysisRequest.model_validate({"formula": formula, **more}), DICTIONARY, ["S0", "S1"])


def changed(change: Change) -> Specification:
    written = resolved(FORMULA).model_dump(mode="json")
    change(written)
    return Specification.model_validate(written)


@pytest.mark.parametrize(
    "formula",
    [
        FORMULA,
        "died ~ 0 + arm * age + (1 | site) + (0 + age | site)",
        'died == "no" ~ age + I(age^2) + (1 + arm || clinic)',
        "died\n ~\tscale(age) + ns(age, df = 3) + (1 | site/clinic)",
        'died ~ (stage == "not  known") + (1 | site)',
        "cbind(age, years) ~ arm + stage:arm",
    ],
)
def test_what_a_request_is_resolved_to_is_what_its_formula_says(formula: str) -> None:
    check_said(resolved(formula), DICTIONARY)


@pytest.mark.parametrize("sd", [None, 0.5])
def test_a_known_standard_deviation_is_no_part_of_a_formula(sd: float | None) -> None:
    check_said(resolved("died ~ arm + (1 | site)", random_effect_sd=sd), DICTIONARY)


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("fixed", lambda it: it["fixed"][2].update(factors=[MINUS_AGE])),
        ("fixed", lambda it: it["fixed"][1]["factors"][0].update(level="old")),
        ("fixed", lambda it: it["fixed"][1].update(name="age", factors=[AGE]) or it["fixed"][2].update(name="armnew")),
        ("fixed", lambda it: it["fixed"].pop()),
        ("response", lambda it: it["response"].update(event="no")),
        ("response", lambda it: it["response"].update(variable="arm", event="new")),
        ("offset", lambda it: it.update(offset=None)),
        ("random", lambda it: it["random"][0].update(group="site")),
        ("random", lambda it: it["random"][0]["columns"][1].update(factors=[MINUS_AGE])),
        ("formula", lambda it: it.update(formula="died ~ nobody")),
        ("formula", lambda it: it.update(formula="")),
    ],
)
def test_another_term_under_the_same_formula_is_refused_by_its_place(place: str, change: Change) -> None:
    with pytest.raises(DataError) as caught:
        check_said(changed(change), DICTIONARY)
    assert (caught.value.code, caught.value.where) == ("other_terms", f"the specification, `{place}`")
