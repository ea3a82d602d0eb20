"""The grammar reads what lme4 users write, in R's precedence, and writes it back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.formula.grammar import parse
from shared.formula.syntax import deparse, number_text
from shared.formula.terms import MOST_TERMS, expand


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("y~x", "x"),
        ("y ~ a+b*c", "a + b * c"),
        ("y ~ a:b/c^2", "a:b/c^2"),
        ("y ~ b%in%a", "b %in% a"),
        ("y ~ -1+x - z", "-1 + x - z"),
        ("y ~ I( -x^2/2 )", "I(-x^2/2)"),
        ("y ~ I(week>=2)", "I(week >= 2)"),
        ("y ~ f == 'good'", 'f == "good"'),
        ("y ~ ph.ecog + `x` + `a b` + .a", "ph.ecog + x + `a b` + .a"),
        ("y ~ offset(log(time/365.25)) + (1+x||g)", "offset(log(time/365.25)) + (1 + x || g)"),
        ("y\n ~\tlog1p(1e5 * x)", "log1p(1e+05 * x)"),
        ("y ~ poly(x,2,raw=TRUE)", "poly(x, 2, raw = TRUE)"),
        (
            "y ~ bs( x,knots=c(-1,2.50), Boundary.knots = c( -9,9 ) )",
            "bs(x, knots = c(-1, 2.5), Boundary.knots = c(-9, 9))",
        ),
        ("y ~ C(f,contr.sum):scale(c, center=FALSE, 1e5)", "C(f, contr.sum):scale(c, center = FALSE, 1e+05)"),
    ],
)
def test_a_formula_is_read_as_r_deparses_it(written: str, read: str) -> None:
    assert deparse(parse(written).right) == read


@pytest.mark.parametrize(
    ("value", "text"),
    [(365.25, "365.25"), (11, "11"), (1e5, "1e+05"), (123456, "123456"), (0.0001, "1e-04"), (0.001, "0.001"), (0, "0")],
)
def test_numbers_are_written_as_r_writes_them(value: float, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("text", "operator", "left", "right"),
    [
        ("y ~ a - b - c", "+", "a", "c"),
        ("y ~ a * b : c", "*", "a", "b:c"),
        ("y ~ a %in% b * c", "*", "a %in% b", "c"),
        ("y ~ a ^ 2 ^ 3", "^", "a", "2^3"),
        ("y ~ -a : b", ":", "-a", "b"),
        ("y ~ a + b > 2", ">", "a + b", "2"),
        ("y ~ a > 1 | g", "|", "a > 1", "g"),
    ],
)
def test_precedence_and_associativity_are_those_of_r(text: str, operator: str, left: str, right: str) -> None:
    node = parse(text).right
    assert (node.value, deparse(node.operands[0]), deparse(node.operands[-1])) == (operator, left, right)


def test_a_long_sum_is_no_deep_formula() -> None:
    text = "y ~ " + "+".join(f"x{k}" for k in range(700))
    assert len(expand(parse(text).right).terms) == 700 < MOST_TERMS


names = st.sampled_from(
    ["x", "f", "log(x)", "I(x^2)", "x > 1", 'f == "a"', "C(f, sum)", "bs(x, df = 4, Boundary.knots = c(-1, 2.5))"]
)
formulas = st.recursive(
    names,
    lambda part: st.tuples(part, st.sampled_from(["+", "-", "*", "/", ":", "%in%"]), part).map(
        "({0[0]}) {0[1]} ({0[2]})".format
    ),
)


@settings(deadline=20_000)
@given(formulas)
def test_reading_what_was_written_back_changes_nothing(text: str) -> None:
    right = parse(f"y ~ {text}").right
    assert deparse(parse(f"y ~ {deparse(right)}").right) == deparse(right)
