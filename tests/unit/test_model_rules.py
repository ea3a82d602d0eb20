"""Which models the default policy takes, judged alike by the coordinator and by a site."""

from typing import Any

import pytest

from coordinator.request import resolve, resolve_by_policy
from shared.dictionary import Dictionary
from shared.errors import RefusedError, RequestError
from shared.model_rules import faults_of_model
from shared.request import AnalysisRequest
from site_node.release.policy import model_breaches, refuse

KNOWN = Dictionary.model_validate(
    {
        "variables": [
            *({"name": name, "type": "integer"} for name in ("death", "events", "n")),
            *({"name": name, "type": "number"} for name in ("x", "z", "time")),
            {"name": "age", "type": "number", "range": [18, 98], "mean": 60, "sd": 15, "knots": [50, 65]},
            {"name": "age10", "type": "number", "derived": "(age - 50) / 10", "range": [-4, 5]},
            {"name": "old", "type": "integer", "derived": "age > 65"},
            {"name": "logn", "type": "number", "derived": "log(n) - 3"},
            {"name": "arm", "type": "factor", "levels": ["placebo", "drug"]},
            {"name": "stage", "type": "factor", "levels": ["I", "II", "III"]},
            {"name": "clinic", "type": "group"},
        ]
    }
)


def codes(formula: str, **settings: Any) -> list[str]:
    specification = resolve(AnalysisRequest(formula=formula, **settings), KNOWN, ("a", "b"))
    return [fault.code for fault in faults_of_model(specification, KNOWN)]


@pytest.mark.parametrize(
    "formula",
    [
        "death ~ age + arm + stage + (1 + arm | site) + (1 | clinic)",
        "death ~ I(age^2) + I(age^3) + poly(x, 3, raw = TRUE)",
        "death ~ log(x) + log1p(z) + sqrt(time) + I(log(x)^2)",
        "death ~ arm * age + age:x + I(x^2):stage",
        "death ~ age10 + I(age10^2) + old + old:arm + (1 + age10 | clinic)",
        "death ~ scale(age) + scale(age, scale = FALSE) + I(scale(age)^2)",
        "death ~ ns(age) + bs(age, df = 4) + ns(age, df = 3):arm + ns(age10, df = 2)",
        "death ~ C(stage, sum) + (0 + stage | clinic)",
        'stage == "III" ~ age + (arm == "drug")',
        "cbind(events, n - events) ~ arm + offset(log(time))",
        "old ~ arm",
    ],
)
def test_terms_of_the_dictionary_pass(formula: str) -> None:
    assert codes(formula) == []


@pytest.mark.parametrize(
    ("formula", "family"),
    [("events ~ arm + offset(log(time))", "poisson"), ("I(x - z) ~ age", "gaussian"), ("log(time) ~ age", "gaussian")],
)
def test_so_do_responses_that_hold_no_constant(formula: str, family: str) -> None:
    assert codes(formula, family=family) == []


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("death ~ I(age / 10)", "literal_constant"),
        ("death ~ I((age - 51) / 10)", "literal_constant"),
        ("death ~ log(x + 1)", "literal_constant"),
        ("death ~ age > 64", "literal_constant"),
        ("death ~ x + (0 + I(x - 3) | clinic)", "literal_constant"),
        ("death ~ scale(x, center = 5, scale = 2)", "literal_constant"),
        ("death ~ scale(age, center = 61, scale = 15)", "literal_constant"),
        ("death ~ ns(age, knots = c(40, 60))", "literal_constant"),
        ("death ~ ns(age, Boundary.knots = c(0, 100))", "literal_constant"),
        ("death ~ ns(log(x), 2, Boundary.knots = c(0, 5))", "literal_constant"),
        ("death ~ ns(age, df = 20)", "literal_constant"),
        ("death ~ bs(age, degree = 4)", "literal_constant"),
        ("death ~ arm + offset(5 * (x - 3))", "literal_constant"),
        ("x > 2 ~ age", "literal_constant"),
        ("death ~ I(x^4)", "literal_constant"),
        ("death ~ exp(x)", "computed_term"),
        ("death ~ I(x / z)", "computed_term"),
        ("death ~ I(x - x)", "computed_term"),
        ("death ~ x > z", "computed_term"),
        ("death ~ arm + offset(x)", "computed_offset"),
        ("death ~ arm + offset(log(x)) + offset(log(z))", "computed_offset"),
        ("death ~ arm * stage * x", "interaction_order"),
    ],
)
def test_what_somebody_could_choose_freely_is_refused_by_site_and_coordinator_with_the_same_words(
    formula: str, code: str
) -> None:
    request = AnalysisRequest(formula=formula)
    specification = resolve(request, KNOWN, ("a", "b"))
    assert set(codes(formula)) == {code}
    with pytest.raises(RequestError) as submitted:
        resolve_by_policy(request, KNOWN, ("a", "b"))
    with pytest.raises(RefusedError) as prepared:
        refuse(model_breaches(specification, KNOWN, "default"))
    assert str(submitted.value) == str(prepared.value)
    assert (prepared.value.code, prepared.value.rule) == (submitted.value.code, "G5") == (code, "G5")
    assert prepared.value.where.startswith(("column `", "the offset", "the response"))
    assert prepared.value.remedy
    refuse(model_breaches(specification, KNOWN, "open"))


@pytest.mark.parametrize(
    ("taken", "refused"), [(0.01, 0.0099), (0.25, 0.251), (1.0, 1.0000001), (3.7, 3.75), (10.0, 11.0)]
)
def test_a_known_standard_deviation_has_two_digits_and_is_neither_tiny_nor_huge(taken: float, refused: float) -> None:
    assert codes("death ~ age + (1 | clinic)", random_effect_sd=taken) == []
    assert codes("death ~ age + (1 | clinic)", random_effect_sd=refused) == ["known_sd"]


def test_the_remedy_of_a_constant_is_the_dictionary() -> None:
    with pytest.raises(RequestError, match="Agree on it in the dictionary: as a derived variable"):
        resolve_by_policy(AnalysisRequest(formula="death ~ I(age / 10)"), KNOWN, ("a",))
