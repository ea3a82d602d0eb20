"""Terms are expanded as R's terms.formula expands them."""

import pytest

from shared.formula.grammar import parse
from shared.formula.syntax import deparse
from shared.formula.terms import Terms, expand


def terms_of(right: str) -> Terms:
    return expand(parse(f"y ~ {right}").right)


def labels(right: str) -> str:
    return " ".join(":".join(term) for term in terms_of(right).terms)


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ("a + b", "a b"),
        ("a*b", "a b a:b"),
        ("a:b + a + b", "a b a:b"),
        ("b:a", "b:a"),
        ("a + b:a", "a a:b"),
        ("(a+b+c)^2", "a b c a:b a:c b:c"),
        ("(a+b+c)^2 - a:b", "a b c a:c b:c"),
        ("(a+b+c)^9", "a b c a:b a:c b:c a:b:c"),
        ("a*b*c - a:b:c", "a b c a:b a:c b:c"),
        ("a/b", "a a:b"),
        ("a/b/c", "a a:b a:b:c"),
        ("(a+b)/c", "a b a:b:c"),
        ("a/(b+c)", "a a:b a:c"),
        ("a + b %in% a", "a a:b"),
        ("b %in% (a + c)", "b:a:c"),
        ("a + a + a:a", "a"),
        ("a - a + a", "a"),
        ("a - (b - c) + b", "a b"),
        ("-a + b:a", "b:a"),
        ("a:(b + c)", "a:b a:c"),
        ("age^2", "age"),
        ("log( x ) + log(x)", "log(x)"),
        ("I(x^2) + x", "I(x^2) x"),
        ("(x > 2):z", "x > 2:z"),
        ("+a", "a"),
        ("a + (b + (c))", "a b c"),
        ("1", ""),
    ],
)
def test_terms_by_degree_then_by_appearance(right: str, expected: str) -> None:
    assert labels(right) == expected


@pytest.mark.parametrize(
    ("right", "intercept"),
    [
        ("x", True),
        ("0 + x", False),
        ("x + 0", False),
        ("x - 1", False),
        ("-1 + x", False),
        ("x - 0", True),
        ("0 + x + 1", True),
        ("1 + x - 1", False),
        ("x + (z - 1)", False),
        ("x - (z + 1)", False),
    ],
)
def test_the_last_word_on_the_intercept_counts(right: str, intercept: bool) -> None:
    assert terms_of(right).intercept is intercept


def test_several_offsets_add_up() -> None:
    terms = terms_of("x + offset(log(a)) + offset(b - 1)")
    assert terms.offset is not None
    assert deparse(terms.offset) == "log(a) + b - 1"
    assert labels("x + offset(a)") == "x"


def test_without_an_offset_there_is_none() -> None:
    assert terms_of("x").offset is None


@pytest.mark.parametrize(
    ("bar", "terms", "intercept", "correlated"),
    [
        ("(1 | g)", "", True, True),
        ("(x | g)", "x", True, True),
        ("(1 + x | g)", "x", True, True),
        ("(0 + x | g)", "x", False, True),
        ("(x - 1 | g)", "x", False, True),
        ("(x || g)", "x", True, False),
        ("((x * z || g))", "x z x:z", True, False),
    ],
)
def test_bars_are_collected(bar: str, terms: str, intercept: bool, correlated: bool) -> None:
    whole = terms_of(f"a + {bar} + b")
    assert labels(f"a + {bar} + b") == "a b"
    (found,) = whole.bars
    assert " ".join(":".join(term) for term in found.terms.terms) == terms
    assert (found.terms.intercept, found.correlated, deparse(found.group)) == (intercept, correlated, "g")


def test_a_bars_variables_do_not_order_the_fixed_terms() -> None:
    assert labels("(b | g) + a:b") == "a:b"
