"""Claims about floors that a model cannot dodge: what a contribution is made of is judged, not only what it is called."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.formula.expressions import (
    Arithmetic,
    Column,
    Comparison,
    Number,
    NumericFactor,
    VariableRef,
)
from shared.request import AnalysisRequest
from shared.specification import CountsResponse, NumericResponse, RandomTerm, Specification
from site_node.data.counts import MOST_VALUES, value_counts
from site_node.data.design import build
from site_node.data.table import Table
from site_node.release.policy import breaches

N = 120
DICTIONARY = Dictionary(
    variables=(
        *(Variable(name=name, type="integer") for name in ("death", "rare", "age", "visits", "half", "grade", "zeros")),
        *(Variable(name=name, type="number") for name in ("x", "long", "zeroish")),
        Variable(name="arm", type="factor", levels=("a", "b")),
    )
)


def table(**changes: Any) -> Table:
    """120 patients, one of whom is the only one with rare = 1, and the only one whose age is 33."""
    rng = np.random.default_rng(1)
    numbers = {
        "death": rng.integers(0, 2, N),
        "rare": np.arange(N) == 7,
        "age": np.where(np.arange(N) == 7, 33, 40 + np.arange(N) % 40),
        "visits": np.arange(N) % 15,
        "half": np.arange(N) % 2,
        "grade": np.arange(N) % 5,
        "zeros": np.zeros(N),
        "x": rng.normal(size=N),
        "long": np.where(np.arange(N) % 2, rng.normal(size=N), 0.0),
        "zeroish": np.where(np.arange(N) < 100, 0.0, rng.normal(size=N)),
    } | changes
    codes = {"arm": (np.arange(N) // 2 % 2).astype(np.int32)}
    return Table(N, {name: np.asarray(values, dtype=float) for name, values in numbers.items()}, codes, {})


def asked(formula: str, **settings: Any) -> Specification:
    return resolve(AnalysisRequest(formula=formula, **settings), DICTIONARY, ("A",))


def codes(specification: Specification, data: Table | None = None) -> set[str]:
    counts = build(specification, DICTIONARY, data or table()).counts
    return {breach.code for breach in breaches(counts, "default")}


@pytest.mark.parametrize(
    ("formula", "settings"),
    [
        ("death ~ 0 + I(2*rare) + rare:age", {}),
        ("death ~ log(rare + 1)", {}),
        ("death ~ rare:age", {}),
        ("death ~ I(age == 33)", {}),
        ("death ~ x + (0 + rare | site)", {}),
        ("death ~ x + (0 + I(age == 33) | site)", {}),
        ("death ~ I(1 / (age - 33.00001))", {}),
        ("death ~ I(exp(700 * (33 - age)))", {}),
        ("death ~ x + offset(1000 * rare)", {}),
        ("death ~ offset(-50 * (1 - rare)) + x", {}),
        ("death ~ offset(log(1 + rare * age)) + x", {}),
        ("death ~ x + I(x * rare)", {}),
        ("rare ~ x", {}),
        ("rare ~ x", {"family": "poisson"}),
        ("rare ~ x", {"family": "gaussian"}),
        ("I(5 + 2*rare) ~ x", {"family": "gaussian"}),
        ("cbind(3*rare, 3*(1 - rare)) ~ x", {}),
        ("I(rare * 0.999999) ~ x", {"weights": "age"}),
        ("I(0.5 + rare / 4) ~ x", {"weights": "visits"}),
        ("death ~ x", {"weights": "rare"}),
    ],
)
def test_no_formula_singles_out_the_only_row_with_a_value(formula: str, settings: dict[str, Any]) -> None:
    assert codes(asked(formula, **settings)) & {"rare_level", "rare_outcome", "rare_cell", "too_few_rows"}


def test_no_specification_that_was_written_by_hand_does_either() -> None:
    is_33 = Comparison("==", VariableRef("age"), Number(33.0))
    only = Column("c", (NumericFactor(Arithmetic("*", Number(2.0), is_33)),))
    plain = asked("death ~ x + (1 | site)")
    assert "rare_level" in codes(plain.model_copy(update={"fixed": (*plain.fixed, only)}))
    assert "rare_level" in codes(plain.model_copy(update={"random": (RandomTerm(group="site", columns=(only,)),)}))
    proportion = Arithmetic("+", Number(0.25), Arithmetic("/", is_33, Number(2.0)))
    response = NumericResponse(expression=proportion)
    assert "rare_outcome" in codes(plain.model_copy(update={"response": response, "weights": "visits"}))


def test_the_offset_the_sizes_and_the_response_are_judged_as_columns_are() -> None:
    """x has many values, and two rows lie above 2.5."""
    x = np.where(np.arange(N) < 2, 3.0 + np.arange(N), np.linspace(-2, 2, N))
    above = Comparison(">", VariableRef("x"), Number(2.5))
    plain, data = asked("death ~ age"), table(x=x)
    assert codes(plain, data) == set()
    assert codes(plain.model_copy(update={"offset": above}), data) == {"rare_level"}
    more = Arithmetic("+", Number(1.0), above)
    sizes = plain.model_copy(update={"response": CountsResponse(successes=more, failures=more)})
    assert codes(sizes, data) == {"rare_level"}
    measured = asked("x ~ age", family="gaussian")
    response = NumericResponse(expression=Arithmetic("*", above, VariableRef("x")))
    assert codes(measured.model_copy(update={"response": response}), data) == {"rare_level"}


@pytest.mark.parametrize(
    ("formula", "settings"),
    [
        ("death ~ x + age + arm * half + I(x^2) + (1 + x | site)", {}),
        ("death ~ long + zeroish + grade + zeros", {}),
        ("visits ~ x + offset(log(age))", {"family": "poisson"}),
        ("x ~ arm + half", {"family": "gaussian"}),
        ("cbind(visits, age) ~ arm + x", {}),
        ("death ~ I(exp(x)) + abs(x)", {"weights": "age"}),
    ],
)
def test_a_model_that_singles_nobody_out_passes(formula: str, settings: dict[str, Any]) -> None:
    assert codes(asked(formula, **settings)) == set()


def test_a_binary_outcome_is_judged_where_a_column_differs_from_its_commonest_value() -> None:
    """Twenty rows differ, and two of them have the event."""
    data = table(death=np.where(np.arange(N) < 100, np.arange(N) % 2, np.arange(N) < 102))
    assert codes(asked("death ~ zeroish"), data) == {"rare_cell"}


def test_each_of_a_numbers_few_values_is_a_level() -> None:
    rare_grade = np.where(np.arange(N) < 2, 9, np.arange(N) % 5)
    assert codes(asked("death ~ grade"), table(grade=rare_grade)) == {"rare_level"}
    assert codes(asked("death ~ x + offset(grade)"), table(grade=rare_grade)) == {"rare_level"}
    assert codes(asked("death ~ x", weights="grade"), table(grade=rare_grade + 1)) == {"rare_level"}
    assert codes(asked("death ~ x + (0 + grade | site)"), table(grade=rare_grade)) == {"rare_level"}


def test_counts_of_which_few_rows_are_not_zero_are_refused_and_a_short_tail_is_not() -> None:
    few = np.where(np.arange(N) < 2, 5 + np.arange(N), 0)
    assert codes(asked("visits ~ x", family="poisson"), table(visits=few)) == {"rare_level"}
    tail = np.where(np.arange(N) < 6, 4 + np.arange(N) // 2, np.arange(N) % 3)
    assert codes(asked("visits ~ x", family="poisson"), table(visits=tail)) == set()


def test_every_parameter_counts_against_the_rows_and_not_only_the_columns() -> None:
    slopes = "death ~ x + (1 + x + age + half + grade + I(x^2) + visits + long | site)"
    assert asked(slopes).layout.p == 2
    assert asked(slopes).layout.size == 2 + 36
    assert codes(asked(slopes)) == set()
    assert "too_many_columns" in codes(asked(slopes.replace("long", "long + I(x^3)")))


def test_a_random_column_is_judged_also_among_rows_of_no_weight() -> None:
    """The start's Z'Z is a sum over all rows."""
    no_weight = np.where(np.arange(N) < 60, 0.0, 40.0 + np.arange(N))
    column = np.where(np.arange(N) == 7, 2.5, 1.0)
    data = table(zeros=no_weight, long=column)
    assert "rare_level" in codes(asked("death ~ x + (0 + long | site)", weights="zeros"), data)


@given(st.lists(st.integers(0, 14), min_size=1, max_size=200), st.integers(0, 3))
def test_a_number_is_counted_value_by_value_exactly_when_it_has_few_of_them(values: list[int], missing: int) -> None:
    column = np.array([*values, *[np.nan] * missing], dtype=float)
    found = value_counts(Variable(name="k", type="integer"), Table(len(column), {"k": column}, {}, {}))
    expected = np.unique(values, return_counts=True)[1].tolist() if len(set(values)) <= MOST_VALUES else []
    assert [units for units in found.units if units] == expected
