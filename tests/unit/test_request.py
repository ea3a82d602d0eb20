"""A request is resolved against dictionary and roster, or refused with where and what instead."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.errors import RequestError
from shared.families import LINKS, FamilyName
from shared.formula.expressions import Arithmetic, Call, LevelTest, VariableRef
from shared.request import AnalysisRequest
from shared.specification import CountsResponse, EventResponse, NumericResponse, Specification, sha256_of

SITES = ("north", "south", "west")
KNOWN = Dictionary(
    variables=(
        Variable(name="death", type="integer"),
        Variable(name="n", type="integer"),
        Variable(name="tb", type="integer"),
        Variable(name="time", type="number"),
        Variable(name="age", type="number"),
        Variable(name="arm", type="factor", levels=("drug", "placebo"), reference="placebo"),
        Variable(name="stage", type="factor", levels=("I", "II", "III")),
        Variable(name="ward", type="group"),
        Variable(name="clinic", type="integer"),
    )
)


def resolved(formula: str, **settings: Any) -> Specification:
    return resolve(AnalysisRequest(formula=formula, **settings), KNOWN, SITES)


def refused(formula: str, **settings: Any) -> str:
    with pytest.raises(RequestError) as caught:
        resolved(formula, **settings)
    assert caught.value.where
    assert caught.value.remedy
    return str(caught.value)


def test_what_is_asked_for_is_what_is_specified() -> None:
    settings = {"tolerance": 1e-12, "max_rounds": 7, "confidence_level": 0.9, "title": "Deaths"}
    specification = resolved("death  ~ age\n + (1 | site)", **settings)
    assert specification.formula == "death ~ age + (1 | site)"
    assert specification.dictionary_sha256 == sha256_of(KNOWN)
    assert specification.roster == SITES
    assert (specification.family, specification.link) == ("binomial", "logit")
    assert {name: getattr(specification, name) for name in settings} == settings
    assert [column.name for column in specification.fixed] == ["(Intercept)", "age"]
    (term,) = specification.random
    assert term.group == "site"


def test_a_specification_survives_the_wire() -> None:
    specification = resolved("cbind(tb, n - tb) ~ arm * age + I(age > 50) + offset(log(time)) + (1 + age || ward)")
    assert Specification.model_validate_json(specification.model_dump_json()) == specification


def test_the_roster_is_in_the_coordinators_order() -> None:
    assert resolved("death ~ age", sites=("west", "north")).roster == ("north", "west")


def test_offsets_add_up() -> None:
    specification = resolved("death ~ age + offset(log(time)) + offset(n)", family="poisson")
    assert specification.offset == Arithmetic("+", Call("log", VariableRef("time")), VariableRef("n"))


def test_no_random_term_is_a_plain_model() -> None:
    assert resolved("death ~ age").random == ()


@pytest.mark.parametrize(
    ("formula", "family", "response"),
    [
        ("death ~ age", "poisson", NumericResponse(expression=VariableRef("death"))),
        ("log(time) ~ age", "gaussian", NumericResponse(expression=Call("log", VariableRef("time")))),
        ("stage == 'III' ~ age", "binomial", NumericResponse(expression=LevelTest("==", "stage", "III"))),
        ("I(stage == 'III') ~ age", "binomial", NumericResponse(expression=LevelTest("==", "stage", "III"))),
        ("arm ~ age", "binomial", EventResponse(variable="arm", event="drug")),
        (
            "cbind(tb, n - tb) ~ n",
            "binomial",
            CountsResponse(successes=VariableRef("tb"), failures=Arithmetic("-", VariableRef("n"), VariableRef("tb"))),
        ),
    ],
)
def test_kinds_of_response(formula: str, family: str, response: object) -> None:
    assert resolved(formula, family=family).response == response


@pytest.mark.parametrize(
    ("bars", "terms"),
    [
        ("(1 | site)", ["site | (Intercept)"]),
        ("(age | ward)", ["ward | (Intercept) age"]),
        ("(0 + stage | site)", ["site | stageI stageII stageIII"]),
        ("(arm | clinic)", ["clinic | (Intercept) armdrug"]),
        ("(1 | stage)", ["stage | (Intercept)"]),
        ("(1 + age || ward)", ["ward || (Intercept) age"]),
        ("(age || ward)", ["ward || (Intercept) age"]),
        ("(1 | ward) + (0 + age | ward)", ["ward || (Intercept) age"]),
        ("(1 | ward) + (0 + age + n || ward)", ["ward || (Intercept) age n"]),
        ("(1 || ward)", ["ward | (Intercept)"]),
        ("(1 | ward) + (0 + age + n | ward)", ["ward | (Intercept)", "ward | age n"]),
        ("(0 + arm | ward) + (0 + age | ward)", ["ward | age", "ward | armplacebo armdrug"]),
        ("(1 + arm || ward)", ["ward | (Intercept)", "ward | armplacebo armdrug"]),
        ("(1 | site) + (1 | ward)", ["site | (Intercept)", "ward | (Intercept)"]),
        ("(1 | ward) + (1 | site)", ["site | (Intercept)", "ward | (Intercept)"]),
        ("(1 | site/ward)", ["site | (Intercept)", "ward | (Intercept)"]),
        ("(1 | site) + (1 | site:ward)", ["site | (Intercept)", "ward | (Intercept)"]),
        ("(1 | site:ward)", ["ward | (Intercept)"]),
        ("(1 | clinic/ward)", ["clinic | (Intercept)", "ward:clinic | (Intercept)"]),
        ("(1 | clinic:ward) + (age | clinic)", ["clinic | (Intercept) age", "clinic:ward | (Intercept)"]),
        ("(1 | clinic) + (1 | ward)", ["clinic | (Intercept)", "ward | (Intercept)"]),
        ("(1 + age || site) + (1 + n | ward)", ["site || (Intercept) age", "ward | (Intercept) n"]),
    ],
)
def test_random_terms_are_read_as_lme4_reads_them(bars: str, terms: list[str]) -> None:
    found = [
        f"{term.group} {'|' if term.correlated else '||'} {' '.join(column.name for column in term.columns)}"
        for term in resolved(f"death ~ 1 + {bars}").random
    ]
    assert found == terms


def test_a_known_sd_belongs_to_a_single_scalar_term() -> None:
    (term,) = resolved("death ~ age + (1 | site)", random_effect_sd=1.0).random
    assert term.sd == 1.0
    assert "random_effect_sd" in refused("death ~ age", random_effect_sd=1.0)
    assert "2 random effects" in refused("death ~ age + (age | site)", random_effect_sd=1.0)


def test_weights_are_a_numeric_variable() -> None:
    assert resolved("death ~ age", weights="n").weights == "n"
    for name in ("arm", "ward", "nothing"):
        assert "no numeric variable" in refused("death ~ age", weights=name)


@pytest.mark.parametrize(("family", "link"), [(family, link) for family, links in LINKS.items() for link in links])
def test_every_link_of_a_family_may_be_named_and_its_first_is_the_default(family: FamilyName, link: str) -> None:
    assert resolved("I(time) ~ age", family=family, link=link).link == link
    assert resolved("I(time) ~ age", family=family).link == LINKS[family][0]


@pytest.mark.parametrize(
    ("family", "link", "has"),
    [
        ("binomial", "identity", "logit, probit, cloglog, log"),
        ("gamma", "identity", "log, inverse"),
        ("poisson", "logit", "The family poisson has log."),
    ],
)
def test_a_link_that_a_family_does_not_have_is_refused_with_those_it_has(family: str, link: str, has: str) -> None:
    told = refused("I(time) ~ age", family=family, link=link)
    assert f"the family {family} has no link {link}" in told
    assert has in told


@pytest.mark.parametrize("points", [1, 2, 25, 100, "auto"])
def test_quadrature_is_for_one_random_effect_a_group(points: int | Literal["auto"]) -> None:
    assert resolved("death ~ age + (1 | site)", quadrature_points=points).quadrature_points == points
    if points != 1:
        for bars in ("(age | site)", "(1 | site) + (1 | ward)", "n"):
            assert "a single random effect a group" in refused(f"death ~ age + {bars}", quadrature_points=points)
        assert "exact" in refused("death ~ age + (1 | site)", family="gaussian", quadrature_points=points, reml=True)


def test_reml_is_for_gaussian_models_whose_sds_are_estimated() -> None:
    assert resolved("time ~ age + (1 | site/ward)", family="gaussian", reml=True).layout.restricted
    assert "the family is binomial" in refused("death ~ age + (1 | site)", reml=True)
    assert "is given" in refused("time ~ age + (1 | site)", family="gaussian", reml=True, random_effect_sd=1.0)


def test_the_roster_names_known_sites_once() -> None:
    assert "unknown: east" in refused("death ~ age", sites=("north", "east"))
    assert "named twice" in refused("death ~ age", sites=("north", "north"))
    assert "no site" in refused("death ~ age", sites=())


@pytest.mark.parametrize(
    ("formula", "family", "message"),
    [
        ("death ~ 0", "binomial", "no fixed effect"),
        ("death ~ 0 + (1 | site)", "binomial", "no fixed effect"),
        ("death ~ age + (0 | site)", "binomial", "nothing in front of the bar"),
        ("death ~ age + (1 | nothing)", "binomial", "no such variable"),
        ("death ~ age + (1 | ward) + (1 | ward)", "binomial", "`ward` has the random effect `(Intercept)` twice"),
        ("death ~ age + (1 | site) + (1 | ward) + (1 | clinic)", "binomial", "3 grouping factors"),
        ("death ~ age + (1 | clinic/ward/stage)", "binomial", "three levels"),
        ("death ~ age + (1 | clinic/site)", "binomial", "every group lies within a site"),
        ("death ~ age + (1 | log(age))", "binomial", "computed grouping factor"),
        ("death ~ age + (1 | ward) + (age | ward)", "binomial", "`ward` has the random effect `(Intercept)` twice"),
        ("death ~ ward", "binomial", "never leave a site"),
        ("ward ~ age", "binomial", "never leave a site"),
        ("death ~ age + (ward | site)", "binomial", "never leave a site"),
        ("death ~ site", "binomial", "grouping factor"),
        ("death ~ nothing", "binomial", "no such variable"),
        ("nothing ~ age", "binomial", "no such variable"),
        ("death ~ age + offset(arm)", "binomial", "a factor is no number"),
        ("stage ~ age", "binomial", "has 3"),
        ("arm ~ age", "poisson", "no response of the family poisson"),
        ("cbind(tb, n) ~ age", "gaussian", "no counts"),
        ("cbind(arm, n) ~ age", "binomial", "a factor is no number"),
        ("death ~ death", "binomial", "right-hand side"),
        ("death ~ age + (death | site)", "binomial", "right-hand side"),
        ("death ~ age + (1 | death)", "binomial", "right-hand side"),
        ("death ~ age + offset(log(death))", "poisson", "right-hand side"),
        ("log(time) ~ I(time^2)", "gaussian", "right-hand side"),
        ("arm ~ arm:age", "binomial", "right-hand side"),
        ("stage == 'I' ~ stage", "binomial", "right-hand side"),
        ("cbind(tb, n - tb) ~ tb", "binomial", "right-hand side"),
        ("I(time - age) ~ I(time - age)", "gaussian", "right-hand side"),
    ],
)
def test_what_cannot_be_fitted_is_refused(formula: str, family: str, message: str) -> None:
    assert message in refused(formula, family=family)


def test_a_change_may_be_explained_by_where_it_began() -> None:
    specification = resolved("I(time - age) ~ age", family="gaussian")
    assert [column.name for column in specification.fixed] == ["(Intercept)", "age"]


@pytest.mark.parametrize("sign", ["\0", "\n", "\x1b", "\x7f", "\x9f"])
def test_a_control_character_stands_in_no_title(sign: str) -> None:
    assert refused("death ~ age", title=f"Deaths{sign}") == (
        "title: a control character stands in it. Write it in one line, without."
    )


def test_a_title_is_in_whatever_language() -> None:
    assert resolved("death ~ age", title="Décès\u00a0: \u05de\u05d5\u05d5\u05ea\u200f 死").title.startswith("Décès")


def test_no_nul_stands_in_a_quoted_level_even_if_the_dictionary_has_it() -> None:
    known = Dictionary(variables=(*KNOWN.variables, Variable(name="odd", type="factor", levels=("a\0", "b"))))
    with pytest.raises(RequestError, match="not closed"):
        resolve(AnalysisRequest(formula='death ~ I(odd == "a\0")'), known, SITES)


def test_two_columns_of_one_name_are_refused() -> None:
    known = Dictionary(
        variables=(
            Variable(name="y", type="number"),
            Variable(name="a", type="factor", levels=("x", "bc")),
            Variable(name="ab", type="factor", levels=("x", "c")),
        )
    )
    with pytest.raises(RequestError, match="two columns have the name `abc`"):
        resolve(AnalysisRequest(formula="y ~ a + ab"), known, SITES)


PIECES = [
    "death",
    "age",
    "arm",
    "stage",
    "ward",
    "site",
    "(",
    ")",
    "+",
    "-",
    "*",
    "|",
    "||",
    "~",
    "0",
    "1",
    "cbind(",
    ",",
]


@given(st.lists(st.sampled_from(PIECES), max_size=20))
def test_nothing_but_a_request_error_is_raised(pieces: list[str]) -> None:
    try:
        specification = resolved(" ".join(["death ~", *pieces]))
    except RequestError:
        return
    assert specification.layout.p >= 1
