"""What is no formula is refused with place and remedy, at once, and raises nothing else."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import FormulaError
from shared.formula.grammar import DEEPEST, LONGEST, parse
from tests.unit.formulas import complaint, read_fully

MALICIOUS = [
    "y ~ {x}",
    "y ~ {__import__('os').system('id')}",
    "y ~ __import__('os')",
    "y ~ system('id')",
    "y ~ eval(parse(text='1'))",
    "y ~ I(system('id'))",
    "y ~ base::system(x)",
    "y ~ base:::system(x)",
    "y ~ x$y",
    "y ~ x@y",
    "y ~ x[1]",
    "y ~ x[[1]]",
    "y ~ x; z",
    "y ~ x <- 2",
    "y ~ x<-2",
    "y ~ 2 -> x",
    "y ~ x = 2",
    "y ~ (x := 2)",
    "y ~ lambda x: x",
    "y ~ \\(x) x",
    "y ~ function(x) x",
    "y ~ (function(x) x)(1)",
    "y ~ x.__class__",
    "y ~ __class__",
    "y ~ `__builtins__`",
    "y ~ x.__class__.__mro__",
    "y ~ get('x')",
    "y ~ do.call(system, x)",
    "y ~ `system`('id')",
    "y ~ `log`(x)",
    "y ~ log(x)(y)",
    "y ~ ~x",
    "y ~ x ~ x",
    "y ~ .",
    "y ~ ...",
    "y ~ !x",
    "y ~ x & x",
    "y ~ x |> log()",
    "y ~ x # comment",
    "y ~ 'x'",
    'y ~ "a\\"b"',
    "y ~ x\x00",
    "y ~ \u00e9",
    "y ~ x\u00a0+ x",
    "y ~ \uff41",
    "y ~ 0x10 * x",
    "y ~ 2L",
    "y ~ 1e999",
    "y ~ @x",
    "y ~ ${HOME}",
    "y ~ %(x)s",
    "y ~ x %*% x",
    "y ~ x %o% x",
    "y ~ cbind(x, x)",
    "y ~ ifelse(x > 1, 1, 0)",
    "y ~ x > 1 > 0",
    "system('id') ~ x",
    "offset(y) ~ x",
    "log(y, 2) ~ x",
    "(1 | g) ~ x",
    "~ x",
    "y",
    "y ~",
    "",
    "y ~ (x",
    "y ~ x)",
    "y ~ x x",
    "y ~ log()",
    "y ~ I(f)",
    "y ~ log(f)",
    "y ~ f * 2",
    "y ~ I(f + 1)",
    "y ~ g",
    "y ~ I(x > 1 + (x > 2))",
    "y ~ I('a' + 1)",
    "y ~ I(x:x)",
    "y ~ I(x %in% x)",
    "y ~ I(1 | g)",
    "y ~ I(offset(x))",
    "y ~ offset(1 | g)",
    "y ~ f < 'a'",
    "y ~ f == 'nowhere'",
    "y ~ x == 'a'",
    "y ~ 'a' == f",
    "y ~ f == 'it''s'",
    "y ~ x + 1 | g",
    "y ~ x:(1 | g)",
    "y ~ x - (1 | g)",
    "y ~ x - offset(x)",
    "y ~ x:offset(x)",
    "y ~ ((1 | g) | g)",
    "y ~ (offset(x) | g)",
    "y ~ x^0.5",
    "y ~ x^1",
    "y ~ x^x",
    "y ~ x + 2",
    "y ~ x:1",
    "y ~ (x - f):x",
    "y ~ (-x):f",
    "y ~ c(1, 2)",
    "y ~ I(c(x, x))",
    "y ~ TRUE",
    "y ~ I(TRUE)",
    "y ~ log(x = x)",
    "y ~ I(x = 2)",
    "y ~ log(c(1, 2))",
    "y ~ poly(x, 2, raw = system('id'))",
    "y ~ poly(x, raw = eval(x))",
    "y ~ bs(x, knots = c(system('id')), Boundary.knots = c(0, 1))",
    "y ~ bs(x, knots = knots, Boundary.knots = c(0, 1))",
    "y ~ bs(x, knots = c(c(1, 2)), Boundary.knots = c(0, 9))",
    "y ~ bs(x, knots = c(a = 1), Boundary.knots = c(0, 9))",
    "y ~ bs(x, knots = c(), Boundary.knots = c(0, 9))",
    "y ~ bs(x, knots = quantile(x), Boundary.knots = c(0, 9))",
    "y ~ bs(x, df = 2 + 2, Boundary.knots = c(0, 9))",
    "y ~ bs(x, df == 4, Boundary.knots = c(0, 9))",
    "y ~ bs(x, Boundary.knots = range(x))",
    "y ~ bs(TRUE, Boundary.knots = c(0, 9))",
    "y ~ bs(c(1, 2), Boundary.knots = c(0, 9))",
    "y ~ bs(f, Boundary.knots = c(0, 9))",
    "y ~ bs(x, , 4)",
    "y ~ bs(x, (df = 4))",
    "y ~ bs()",
    "y ~ scale(f, 0, 1)",
    "y ~ scale(scale(x), 0, 1)",
    "y ~ C(x, sum)",
    "y ~ C(f, helmert)",
    "y ~ C(f, sum(x))",
    "y ~ C(f, 'sum')",
    "y ~ C(f == 'a', sum)",
    "y ~ I(C(f, sum))",
    "y ~ I(ns(x, df = 2, Boundary.knots = c(0, 9)))",
    "y ~ log(poly(x, 2, raw = TRUE))",
    "y ~ poly(x, 2, raw = TRUE) > 1",
    "y ~ offset(ns(x, df = 2, Boundary.knots = c(0, 9)))",
    "poly(y, 2, raw = TRUE) ~ x",
    "C(f, sum) ~ x",
    "y ~ `bs`(x)",
    "y ~ x + raw = TRUE",
    "y ~ splines::bs(x)",
]


@pytest.mark.parametrize("text", MALICIOUS)
def test_what_is_no_formula_is_refused_with_place_and_remedy(text: str) -> None:
    with pytest.raises(FormulaError) as caught:
        read_fully(text)
    assert caught.value.where.startswith("formula, character ")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("function", "advice"),
    [
        ("mean", "write them out"),
        ("center", "scale = FALSE"),
        ("rcs", "ns"),
        ("factor", "dictionary"),
        ("as.factor", "dictionary"),
        ("cut", "dictionary"),
        ("relevel", "dictionary"),
    ],
)
def test_what_differs_from_site_to_site_is_refused_with_the_way_out(function: str, advice: str) -> None:
    with pytest.raises(FormulaError, match=advice):
        parse(f"y ~ {function}(x)")


def test_an_error_names_character_and_text() -> None:
    with pytest.raises(FormulaError) as caught:
        parse("death ~ age + sin(x)")
    assert caught.value.where == "formula, character 15, at `sin(`"
    assert "log1p" in caught.value.remedy


def test_an_unknown_variable_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(FormulaError, match="Did you mean `f`"):
        read_fully("y ~ ff")


@pytest.mark.parametrize(
    "text",
    [
        "y ~ " + "(" * (DEEPEST + 1) + "x" + ")" * (DEEPEST + 1),
        "y ~ " + "(" * 1900,
        "y ~ " + "-" * 1900 + "x",
        "y ~ " + "x^" * 900 + "2",
        "y ~ " + "x:" * 900 + "x",
        "y ~ " + "log(" * 900,
        "y ~ " + "x|" * 900 + "x",
        "y ~ I(" + "x+" * 900 + "x)",
        "y ~ " + " + ".join(["offset(x)"] * 100),
        "y ~ " + " * ".join(f"I(x + {k})" for k in range(20)),
        "y ~ (" + " + ".join(f"I(x + {k})" for k in range(99)) + ")^9",
        "y ~ (" + "+".join(f"x{k}" for k in range(99)) + ")^999999999",
        "y ~ " + ":".join(f"(f == 'a' + {k})" for k in range(30)),
        "y ~ " + "x" * LONGEST,
        "y ~ bs(x, knots = c(" + ", ".join(map(str, range(1, 60))) + "), Boundary.knots = c(0, 99))",
        "y ~ ns(x, df = 1e9, Boundary.knots = c(0, 99))",
        "y ~ poly(x, 1e300, raw = TRUE)",
        "y ~ " + "poly(" * 800,
        "y ~ " + "scale(" * 30 + "x" + ", 0, 1)" * 30 + " + scale(" * 30,
        "y ~ poly(x, " + "raw = " * 600 + "TRUE)",
        "y ~ " + " * ".join(f"ns(x, df = {k}, Boundary.knots = c(0, 99))" for k in range(1, 20)),
    ],
)
def test_excess_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(FormulaError):
        read_fully(text)
    assert time.process_time() - began < 1


@settings(deadline=20_000)
@given(st.text(max_size=200))
def test_no_text_raises_anything_else(text: str) -> None:
    error = complaint(text)
    assert error is None or (error.where and error.remedy)


PIECES = [
    "y",
    "x",
    "f",
    "g",
    "site",
    "I(",
    "log(",
    "offset(",
    "cbind(",
    "(",
    ")",
    "(",
    ")",
    "+",
    "-",
    "*",
    "/",
    "^",
    ":",
    "%in%",
    "|",
    "||",
    "~",
    "<",
    "==",
    "!=",
    ",",
    "0",
    "1",
    "2",
    "2.5",
    "'a'",
    "'z'",
    "`x`",
    ".",
    "scale(",
    "poly(",
    "bs(",
    "ns(",
    "C(",
    "c(",
    "=",
    "raw =",
    "df =",
    "knots = c(",
    "Boundary.knots = c(0, 9)",
    "TRUE",
    "sum",
    "{",
]


@settings(deadline=20_000, max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_no_formula_like_text_raises_anything_else(pieces: list[str]) -> None:
    """Pieces of formulas in any order are a formula or a FormulaError, quickly."""
    error = complaint("y ~ " + " ".join(pieces))
    assert error is None or (error.where and error.remedy)
