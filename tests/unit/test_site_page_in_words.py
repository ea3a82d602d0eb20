"""The site's page says what a specification computes, and the document of it names every page and limit as they are."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from markupsafe import Markup

from shared.formula.expressions import (
    Arithmetic,
    Call,
    Column,
    Comparison,
    ContrastFactor,
    Expression,
    LevelFactor,
    LevelTest,
    Negative,
    Number,
    NumericFactor,
    SplineFactor,
    TruthFactor,
    VariableRef,
)
from shared.formula.splines import Spline
from shared.page import STATIC
from shared.page.sessions import ABSOLUTE_SECONDS, IDLE_SECONDS
from shared.specification import CountsResponse, EventResponse, NumericResponse, RandomTerm
from site_node.page.app import INSIDE
from site_node.page.model import in_text, model_in_words
from site_node.page.wording import coded, counted, happened
from site_node.release.entry import FIRST_PREVIOUS, Entry
from tests.unit import smallest

ROOT = Path(__file__).parents[2]
PAGE = (
    (ROOT / "docs" / "operations.md")
    .read_text(encoding="utf-8")
    .split("\n## The site's page\n", 1)[1]
    .split("\n## ")[0]
)
AGE, DOSE = VariableRef("age"), VariableRef("dose")
ONE = Column("(Intercept)")


def test_every_page_is_named() -> None:
    routes = [route for page in INSIDE for route in page.router.routes]
    pages = {route.path for route in routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())}
    told = set(re.findall(r"^\| `(/\S*)` \|", PAGE, re.MULTILINE))
    assert told == {path.replace("{analysis}", "{id}") for path in pages} - {"/"}


def test_the_limits_are_those_of_the_page_and_its_pictures_are_there() -> None:
    words = " ".join(PAGE.split())
    assert f"A session lasts {ABSOLUTE_SECONDS / 3600:g} hours, ends after {IDLE_SECONDS / 3600:g} without use" in words
    named = re.findall(r"!\[[^]]+\]\((screenshots/\S+)\)", PAGE)
    assert len(named) == 2
    assert all((ROOT / "docs" / picture).stat().st_size > 10_000 for picture in named)
    assert {path.name for path in STATIC.iterdir()} == {"page.css", "mark.svg"}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (AGE, "age"),
        (Number(0.1), "0.1"),
        (Negative(AGE), "-(age)"),
        (Call("log", Arithmetic("+", AGE, Number(1.0))), "log((age + 1))"),
        (Arithmetic("^", Arithmetic("*", AGE, DOSE), Number(2.0)), "((age * dose) ^ 2)"),
        (Comparison(">=", AGE, Number(65.0)), "(age >= 65)"),
        (LevelTest("==", "arm", "b"), "(arm is b)"),
        (LevelTest("!=", "arm", "b"), "(arm is not b)"),
    ],
)
def test_an_expression_is_told_with_all_its_brackets(expression: Expression, text: str) -> None:
    assert in_text(expression) == text


def test_columns_are_told_by_what_is_computed_and_not_by_their_names() -> None:
    spline = Spline("ns", 3, (40.0,), (20.0, 80.0))
    factors: dict[str, Any] = {
        "1 in each row": (),
        "age": (NumericFactor(AGE),),
        "whether arm is b \N{MULTIPLICATION SIGN} age": (LevelFactor("arm", "b"), NumericFactor(AGE)),
        "whether (age > 65) is true": (TruthFactor(Comparison(">", AGE, Number(65.0)), value=True),),
        "arm: a against c": (ContrastFactor("arm", "a", "c"),),
        "part 2 of a spline of age": (SplineFactor(AGE, spline, 2),),
    }
    columns = tuple(Column(f"harmless {k}", one) for k, one in enumerate(factors.values()))
    told = model_in_words(smallest.SPECIFICATION.model_copy(update={"fixed": columns}))
    assert dict(told.columns) == {f"harmless {k}": text for k, text in enumerate(factors)}


@pytest.mark.parametrize(
    ("changes", "part", "words"),
    [
        ({"response": NumericResponse(expression=DOSE)}, "explained", "dose"),
        ({"response": EventResponse(variable="outcome", event="died")}, "explained", "the event that outcome is died"),
        ({"response": CountsResponse(successes=AGE, failures=DOSE)}, "explained", "age events beside dose without one"),
        ({"random": ()}, "random", ()),
        (
            {"random": (RandomTerm(group="ward", columns=(ONE,), sd=0.5),)},
            "random",
            ("the intercept by ward, with a known standard deviation of 0.5",),
        ),
        (
            {
                "random": (
                    RandomTerm(group="site", columns=(ONE, Column("x", (NumericFactor(AGE),))), correlated=False),
                )
            },
            "random",
            ("the intercept and the effect of age by site, uncorrelated",),
        ),
        ({"offset": Call("log", AGE)}, "offset", "log(age)"),
        ({"weights": "patients"}, "weights", "patients"),
        ({"masked": True}, "answers", "masked: of each round only the sum over all these sites makes sense"),
        (
            {"masked": False},
            "answers",
            "open: the coordinator sees this site's own log-likelihood, gradient and Hessian in each round",
        ),
        (
            {"family": "gaussian", "link": "identity", "reml": True},
            "estimated",
            "restricted maximum likelihood (REML), in at most 50 rounds",
        ),
        ({"family": "gaussian", "link": "identity"}, "family", "Gaussian, identity link"),
    ],
)
def test_whatever_decides_about_an_analysis_is_told(changes: dict[str, Any], part: str, words: object) -> None:
    specification = smallest.SPECIFICATION.model_copy(update=changes | {"max_rounds": 50})
    assert getattr(model_in_words(specification), part) == words


@pytest.mark.parametrize(
    ("points", "how"),
    [
        (1, "by the Laplace approximation"),
        (9, "by adaptive Gauss-Hermite quadrature, 9 points"),
        ("auto", "by adaptive Gauss-Hermite quadrature, as many points as are needed"),
    ],
)
def test_how_effects_are_integrated_out_is_told(points: int | str, how: str) -> None:
    changes = {"quadrature_points": points, "max_rounds": 7, "random": (RandomTerm(group="site", columns=(ONE,)),)}
    specification = smallest.SPECIFICATION.model_copy(update=changes | {"family": "binomial", "link": "logit"})
    assert model_in_words(specification).estimated == f"maximum likelihood, {how}, in at most 7 rounds"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"event": "prepared"}, "takes part"),
        ({"event": "prepared", "again": True}, "takes part, again"),
        ({"event": "start", "round": 0}, "answered the start"),
        ({"event": "round", "round": 0}, "answered the start"),
        ({"event": "round", "round": 3}, "answered round 3"),
        (
            {"event": "round", "round": 3, "rule": "G1", "code": "leverage"},
            "answered round 3, saying nothing: rule G1, leverage",
        ),
        ({"event": "refused", "rule": "G5", "code": "rare_level"}, "refused: rule G5, rare level"),
        ({"event": "refused", "code": "bad_value"}, "refused: bad value"),
        ({"event": "closed", "outcome": "converged"}, "ended: converged"),
        ({"event": "recovered"}, "nothing left: a line was cut off by a crash, and is set aside"),
    ],
)
def test_an_entry_of_the_ledger_is_told_in_words(entry: dict[str, Any], words: str) -> None:
    assert happened(Entry(number=1, time="2026-01-31T12:00:00+00:00", previous=FIRST_PREVIOUS, **entry)) == words


def test_words_of_code_are_marked_and_everything_is_escaped() -> None:
    assert coded("column `<b>`: <i>") == Markup("column <code>&lt;b&gt;</code>: &lt;i&gt;")
    assert coded("a lone ` and <") == Markup("a lone ` and &lt;")


def test_numbers_are_counted() -> None:
    assert [counted(k, "entry", "entries") for k in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
    assert counted(1234, "row") == "1,234 rows"
