"""Sums of many columns at once have, for every input, the bits of `math.fsum`."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from shared import summation
from shared.optimisation.arithmetic import dot, times, times_each
from shared.summation import column_sums

RNG = np.random.default_rng(8)
SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=12)


def by_fsum(terms: np.ndarray) -> bytes:
    return np.array([math.fsum(column) for column in terms.T.tolist()]).tobytes()


@given(terms=arrays(np.float64, SHAPES, elements=st.floats(-1e307, 1e307)))
@settings(max_examples=500)
def test_any_finite_terms(terms: np.ndarray) -> None:
    assert column_sums(terms).tobytes() == by_fsum(terms)


@pytest.mark.parametrize("decades", [0, 8, 20, 150])
@pytest.mark.parametrize("count", [1, 2, 3, 10, 57, 200])
def test_terms_of_many_sizes_that_nearly_cancel(decades: int, count: int) -> None:
    terms = RNG.normal(size=(count, 300)) * 10.0 ** RNG.uniform(-decades, decades, size=(count, 300))
    terms = np.concatenate([terms, -terms[::-1] * (1.0 + 2.0**-52)])
    assert column_sums(terms).tobytes() == by_fsum(terms)


@pytest.mark.parametrize("tie", [2.0**-53, -(2.0**-54), 3 * 2.0**-53])
def test_half_way_cases_are_decided_by_what_comes_far_behind(tie: float) -> None:
    behind = np.array([0.0, 2.0**-120, -(2.0**-120), 5e-324, -5e-324])
    terms = np.stack([np.ones(5), np.full(5, tie), behind])
    assert column_sums(terms).tobytes() == by_fsum(terms)


def test_terms_whose_sum_overflows_on_the_way_only() -> None:
    terms = np.array([[1.7e308], [-1.7e308], [1.7e308], [1.0]])
    assert column_sums(terms).tobytes() == by_fsum(terms)


def test_a_sum_that_is_too_large_says_so() -> None:
    with pytest.raises(OverflowError):
        column_sums(np.full((3, 1), 1.7e308))


def test_what_is_not_a_number_stays_so() -> None:
    sums = column_sums(np.array([[math.nan, math.inf, 1.0], [1.0, 1.0, 2.0]]))
    assert [str(value) for value in sums.tolist()] == ["nan", "inf", "3.0"]


def test_the_cut_into_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = RNG.normal(size=(7, 100))
    whole = column_sums(terms)
    monkeypatch.setattr(summation, "AT_ONCE", 20)
    assert column_sums(terms).tobytes() == whole.tobytes()


def test_ordinary_sums_are_not_left_to_fsum(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that is fast is the way that is taken: of ten sites' like contributions."""
    terms = RNG.normal(size=(10, 5000))
    expected = by_fsum(terms)
    monkeypatch.setattr(math, "fsum", lambda _: pytest.fail("not needed"))
    assert column_sums(terms).tobytes() == expected


def test_columns_that_are_small_beside_others_are_not_left_to_fsum(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are cut anew, each by its own largest term."""
    terms = RNG.normal(size=(10, 500)) * 10.0 ** RNG.uniform(-200, 200, size=500)
    expected = by_fsum(terms)
    monkeypatch.setattr(math, "fsum", lambda _: pytest.fail("not needed"))
    assert column_sums(terms).tobytes() == expected


def test_a_matrix_times_a_vector_is_a_dot_product_a_row() -> None:
    A, x = RNG.normal(size=(30, 20)), 10.0 ** RNG.uniform(-9, 9, 20)
    assert times(A, x).tolist() == [dot(row, x) for row in A]


def test_several_products_at_once_are_those_of_one_by_one() -> None:
    pairs = [(RNG.normal(size=(12, 12)), 10.0 ** RNG.uniform(-9, 9, 12)) for _ in range(3)]
    at_once, by_one = times_each(pairs), [times(A, x) for A, x in pairs]
    assert [x.tobytes() for x in at_once] == [x.tobytes() for x in by_one]
