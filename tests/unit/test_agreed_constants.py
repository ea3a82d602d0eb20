"""Terms with constants: where each comes from, what travels, and what is refused with place and remedy."""

import json
import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.errors import FormulaError
from shared.formula.columns import design_columns
from shared.formula.expressions import (
    Arithmetic,
    Call,
    Column,
    ContrastFactor,
    Expression,
    LevelFactor,
    Number,
    NumericFactor,
    SplineFactor,
    VariableRef,
)
from shared.formula.grammar import parse
from shared.formula.splines import MOST_DEGREE, MOST_KNOTS, Spline
from shared.formula.terms import expand
from shared.request import AnalysisRequest
from shared.specification import Specification

KNOWN = Dictionary(
    variables=(
        Variable(name="y", type="integer"),
        Variable(name="x", type="number"),
        Variable(name="age", type="number", range=(0, 100), mean=60, sd=15, knots=(40, 70)),
        Variable(name="flat", type="number", range=(5, 5), mean=5),
        Variable(name="f", type="factor", levels=("a", "b", "c"), reference="b"),
        Variable(name="s", type="factor", levels=("a", "b", "c"), coding="sum"),
        Variable(name="one", type="factor", levels=("only",)),
        Variable(name="clinic", type="group"),
    )
)
WIRE: TypeAdapter[Column] = TypeAdapter(Column)


def columns(right: str) -> tuple[Column, ...]:
    return design_columns(expand(parse(f"y ~ {right}").right), KNOWN)


def spline(right: str) -> Spline:
    (factor,) = columns(right)[-1].factors
    assert isinstance(factor, SplineFactor)
    return factor.spline


def asked(formula: str) -> Specification:
    return resolve(AnalysisRequest(formula=formula), KNOWN, ("a", "b"))


@pytest.mark.parametrize(
    ("right", "knots", "boundary"),
    [
        ("ns(age)", (40, 70), (0, 100)),
        ("ns(age, df = 3)", (40, 70), (0, 100)),
        ("ns(age, df = 2)", (50,), (0, 100)),
        ("ns(age, 1)", (), (0, 100)),
        ("ns(age, df = 4, intercept = TRUE)", (40, 70), (0, 100)),
        ("ns(age, df = 5)", (20, 40, 60, 80), (0, 100)),
        ("ns(age, knots = 33)", (33,), (0, 100)),
        ("bs(age)", (40, 70), (0, 100)),
        ("bs(age, df = 5)", (40, 70), (0, 100)),
        ("bs(age, df = 4)", (50,), (0, 100)),
        ("bs(age, df = 3)", (), (0, 100)),
        ("bs(age, 3, degree = 1)", (40, 70), (0, 100)),
        ("bs(age, knots = c(10, 20.5), Boundary.knots = c(-1, +30))", (10, 20.5), (-1, 30)),
        ("bs(x, Boundary.knots = c(0, 9))", (), (0, 9)),
        ("ns(log(age), 2, Boundary.knots = c(1, 5))", (3,), (1, 5)),
    ],
)
def test_knots_are_written_out_or_agreed_or_evenly_spaced(
    right: str, knots: tuple[float, ...], boundary: tuple[float, float]
) -> None:
    assert (spline(right).knots, spline(right).boundary) == (knots, boundary)


def test_a_spline_travels_as_its_constants() -> None:
    expected = Spline("ns", 3, (0.5,), (0.0, 1.0))
    last = columns("ns(log(x), df = 2, Boundary.knots = c(0, 1)):f")[-1]
    assert last.factors == (SplineFactor(Call("log", VariableRef("x")), expected, 2), LevelFactor("f", "c"))
    assert WIRE.validate_json(WIRE.dump_json(last)) == last


def test_a_power_is_arithmetic() -> None:
    factors = [column.factors for column in columns("poly(x, 3, raw = TRUE)")[1:]]
    powers: list[Expression] = [VariableRef("x"), *(Arithmetic("^", VariableRef("x"), Number(k)) for k in (2.0, 3.0))]
    assert factors == [(NumericFactor(power),) for power in powers]


@pytest.mark.parametrize(
    ("right", "centre", "scale"),
    [
        ("scale(age)", 60, 15),
        ("scale(age, TRUE, TRUE)", 60, 15),
        ("scale(age, scale = 10)", 60, 10),
        ("scale(age, scale = FALSE)", 60, None),
        ("scale(flat, scale = FALSE)", 5, None),
        ("scale(age, center = FALSE, scale = 2)", None, 2),
        ("scale(x, -5, 2.5)", -5, 2.5),
        ("scale(x, FALSE, FALSE)", None, None),
    ],
)
def test_scaling_is_arithmetic_with_agreed_or_written_numbers(
    right: str, centre: float | None, scale: float | None
) -> None:
    (factor,) = columns(right)[1].factors
    assert isinstance(factor, NumericFactor)
    value = factor.expression
    found: list[float | None] = []
    for operator in ("/", "-"):
        if isinstance(value, Arithmetic) and value.operator == operator and isinstance(value.right, Number):
            found.append(value.right.value)
            value = value.left
        else:
            found.append(None)
    assert found == [scale, centre]
    assert isinstance(value, VariableRef)


def test_sum_coding_holds_each_level_against_the_last() -> None:
    by_formula, by_dictionary = columns("C(f, sum)")[1:], columns("s")[1:]
    assert [column.factors for column in by_formula] == [
        (ContrastFactor("f", "b", "c"),),
        (ContrastFactor("f", "a", "c"),),
    ]
    assert [column.name for column in by_dictionary] == ["s1", "s2"]
    assert [column.name for column in columns("C(s, treatment)")[1:]] == ["C(s, treatment)b", "C(s, treatment)c"]
    assert WIRE.validate_json(WIRE.dump_json(by_formula[0])) == by_formula[0]


REFUSED = [
    ("poly(x, 2)", "depend on all rows of all sites", "poly(x, 2, raw = TRUE)"),
    ("poly(x, 2, raw = FALSE)", "depend on all rows of all sites", "ns(x, df = 3)"),
    ("poly(x, 2, TRUE)", "no place for this argument", "Its arguments: x, degree, raw"),
    ("poly(x, 2, raw = T)", "TRUE or FALSE is expected", "in full"),
    ("poly(x, 2, raw = 1)", "TRUE or FALSE is expected", "in full"),
    ("poly(x, 0, raw = TRUE)", "cannot stand here", f"from 1 to {MOST_DEGREE}"),
    ("poly(x, 1.5, raw = TRUE)", "cannot stand here", f"from 1 to {MOST_DEGREE}"),
    ("poly(x, 6, raw = TRUE)", "cannot stand here", f"from 1 to {MOST_DEGREE}"),
    ("poly(x, -1, raw = TRUE)", "cannot stand here", f"from 1 to {MOST_DEGREE}"),
    ("poly(x, y, raw = TRUE)", "a number is expected", "nothing is computed"),
    ("poly(x, 2, raw = TRUE, raw = TRUE)", "given twice", "once"),
    ("poly(x, 2, raw = TRUE, coefs = 1)", "no argument `coefs`", "Its arguments"),
    ("poly(raw = TRUE)", "nothing to work on", "poly(x, ...)"),
    ("poly(3, 2, raw = TRUE)", "reads no variable", "Leave it out"),
    ("poly(f, 2, raw = TRUE)", "no number", 'f == "c"'),
    ("bs(x)", "boundary knots are not known", "give `x` a `range` in the dictionary"),
    ("ns(x, df = 3)", "boundary knots are not known", "Boundary.knots = c(0, 100)"),
    ("ns(log(age), df = 3)", "boundary knots are not known", "Boundary.knots = c(0, 100)"),
    ("ns(flat)", "boundary knots are not known", "range"),
    ("bs(x, Boundary.knots = c(1, 0))", "the lower one first", "c(0, 100)"),
    ("bs(x, Boundary.knots = c(1, 1))", "the lower one first", "c(0, 100)"),
    ("bs(x, Boundary.knots = c(0, 1, 2))", "the lower one first", "c(0, 100)"),
    ("bs(x, Boundary.knots = 3)", "the lower one first", "c(0, 100)"),
    ("bs(x, Boundary.knots = TRUE)", "numbers are expected", "c(50, 65)"),
    ("bs(age, knots = c(60, 50))", "do not increase", "between 0 and 100"),
    ("bs(age, knots = c(50, 50))", "do not increase", "between 0 and 100"),
    ("bs(age, knots = 100)", "do not increase", "between 0 and 100"),
    ("bs(age, knots = -1)", "do not increase", "between 0 and 100"),
    ("ns(age, Boundary.knots = c(50, 100))", "do not increase", "between 50 and 100"),
    ("ns(age, knots = c(1, x))", "a number is expected", "nothing is computed"),
    ("ns(age, knots = age)", "numbers are expected", "c(50, 65)"),
    ("bs(age, 4, 50)", "already", "Leave `df` out"),
    ("bs(age, df = 2)", "cannot stand here", "from 3 to 53"),
    ("bs(age, df = 54)", "cannot stand here", "from 3 to 53"),
    ("bs(age, df = 3, intercept = TRUE)", "cannot stand here", "from 4 to 54"),
    ("ns(age, df = 0)", "cannot stand here", "from 1 to 51"),
    ("bs(age, degree = 6)", "cannot stand here", f"from 1 to {MOST_DEGREE}"),
    ("bs(age, degree = 0)", "cannot stand here", f"from 1 to {MOST_DEGREE}"),
    ("ns(age, degree = 2)", "no argument `degree`", "Its arguments"),
    ("ns(age, intercept = 1)", "TRUE or FALSE is expected", "in full"),
    (
        f"bs(age, knots = c({', '.join(str(k + 1) for k in range(MOST_KNOTS + 1))}))",
        f"at most {MOST_KNOTS} inner knots",
        "Leave some out",
    ),
    ("scale(x)", "no `mean` of `x`", "scale(x, center = 50, scale = 10)"),
    ("scale(flat)", "no `sd` of `flat`", "I((x - 50) / 10)"),
    ("scale(log(age))", "no `mean` of `log(age)`", "Agree on its `mean`"),
    ("scale(x, scale = 3)", "no `mean` of `x`", "Agree"),
    ("scale(age, center = 50)", "no standard deviation", "`scale = FALSE`"),
    ("scale(age, center = FALSE)", "no standard deviation", "`scale = FALSE`"),
    ("scale(x, 1, 0)", "divided by zero", "Write another number"),
    ("scale(x, 1, x)", "a number is expected", "nothing is computed"),
    ("scale(nothing)", "no such variable", "It has"),
    ("I(scale(x)^2)", "no `mean` of `x`", "Agree"),
    ("C(f)", "contrasts are not known", "C(f, sum)"),
    ("C(f, contr.helmert)", "contrasts are not known", "contr.treatment"),
    ("C(f, sum, 2)", "no place for this argument", "object, contr"),
    ("C(age, sum)", "only a factor has contrasts", "Name a factor"),
    ("C(clinic, sum)", "only a factor has contrasts", "Name a factor"),
    ("C(f == 'a', sum)", "only a factor has contrasts", "Name a factor"),
    ("C(one, sum)", "one level", "Leave it out"),
]


@pytest.mark.parametrize(("right", "message", "remedy"), REFUSED, ids=[case[0][:40] for case in REFUSED])
def test_what_has_no_constants_is_refused_with_place_and_remedy(right: str, message: str, remedy: str) -> None:
    with pytest.raises(FormulaError) as caught:
        columns(right)
    assert caught.value.where.startswith("formula, character ")
    assert message in caught.value.message
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    "bar", ["(1 + ns(age, df = 2) || clinic)", "(poly(x, 2, raw = TRUE) || clinic)", "(C(f, sum) || clinic)"]
)
def test_columns_that_lme4_keeps_correlated_are_not_taken_apart(bar: str) -> None:
    """`(f || g)` is `(1 | g) + (0 + f | g)`."""
    term = bar.removeprefix("(").removeprefix("1 + ").removesuffix(" || clinic)")
    assert asked(f"y ~ age + {bar}").random == asked(f"y ~ age + (1 | clinic) + (0 + {term} | clinic)").random
    intercept, block = asked(f"y ~ age + {bar}").random
    assert [column.name for column in intercept.columns] == ["(Intercept)"]
    assert block.correlated
    assert len(block.columns) > 1


def test_one_column_of_agreed_constants_is_a_number_under_a_double_bar() -> None:
    (random,) = asked("y ~ (1 + scale(age) || clinic)").random
    assert not random.correlated


def test_the_constants_are_part_of_the_specifications_hash() -> None:
    one = asked("y ~ ns(x, 2, Boundary.knots = c(0, 9))")
    assert one.sha256 != one.model_copy(update={"fixed": asked("y ~ ns(x, 2, Boundary.knots = c(0, 8))").fixed}).sha256
    assert Specification.model_validate_json(one.model_dump_json()) == one


@pytest.mark.parametrize(
    "changed",
    [
        {"index": 0},
        {"index": 3},
        {"degree": 6},
        {"degree": 2},
        {"knots": [9]},
        {"knots": [2, 1]},
        {"knots": [(k + 1) / 9 for k in range(MOST_KNOTS + 1)]},
        {"boundary": [9, 0]},
        {"boundary": [math.nan, 9]},
        {"boundary": [0, math.inf]},
        {"basis": "rcs"},
        {"code": "1"},
    ],
)
def test_a_specification_that_was_written_by_hand_holds_no_other_spline(changed: dict[str, Any]) -> None:
    plain = asked("y ~ ns(x, 2, Boundary.knots = c(0, 9))")
    written = json.loads(plain.model_dump_json())
    assert Specification.model_validate_json(json.dumps(written)) == plain
    factor = written["fixed"][1]["factors"][0]
    (factor if "index" in changed else factor["spline"]).update(changed)
    with pytest.raises(ValidationError):
        Specification.model_validate_json(json.dumps(written))
