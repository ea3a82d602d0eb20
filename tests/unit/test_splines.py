"""Columns of splines at a site: what they are whatever the knots, what is refused, and what the policy makes of them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.errors import DataError
from shared.formula.expressions import Column, ContrastFactor
from shared.formula.splines import MOST_DEGREE, Basis, Spline
from shared.parameters import Matrix
from shared.request import AnalysisRequest
from site_node.data.columns import finite_column
from site_node.data.design import SiteDesign, build
from site_node.data.rows_at_fault import RowError
from site_node.data.splines import spline_column
from site_node.data.table import Table
from site_node.release.policy import breaches

N = 120
DICTIONARY = Dictionary(
    variables=(
        Variable(name="y", type="integer"),
        Variable(name="x", type="number", range=(0, 100)),
        Variable(name="age", type="number"),
        Variable(name="f", type="factor", levels=("a", "b", "c"), coding="sum"),
    )
)


@st.composite
def splines(draw: st.DrawFn, basis: Basis, intercept: bool) -> Spline:
    steps = draw(st.lists(st.integers(1, 50), min_size=1, max_size=12))
    low, *knots, high = np.cumsum([draw(st.integers(-100, 100)), *steps]).astype(float).tolist()
    return Spline(
        basis, draw(st.integers(1, MOST_DEGREE)) if basis == "bs" else 3, tuple(knots), (low, high), intercept
    )


def inside(spline: Spline, parts: int = 40) -> np.ndarray:
    low, high = spline.boundary
    return np.array([*np.linspace(low, high, parts), *spline.knots, low, high])


def matrix(spline: Spline, x: np.ndarray) -> Matrix:
    return np.column_stack([spline_column(spline, k, x) for k in range(1, spline.columns + 1)])


@given(splines("bs", intercept=True))
def test_the_columns_of_a_basis_with_an_intercept_sum_to_one(spline: Spline) -> None:
    columns = matrix(spline, inside(spline))
    assert columns.min() >= 0
    np.testing.assert_allclose(columns.sum(axis=1), 1, atol=1e-12)


@given(st.one_of(splines("bs", intercept=False), splines("ns", intercept=False)))
def test_a_basis_without_an_intercept_spans_no_constant(spline: Spline) -> None:
    """All columns are zero at the lower boundary."""
    np.testing.assert_allclose(matrix(spline, np.array([spline.boundary[0]])), 0, atol=1e-12)


@given(
    st.one_of(splines("bs", intercept=True), splines("ns", intercept=False), splines("ns", intercept=True)),
    st.integers(-50, 50),
    st.sampled_from([0.25, 0.5, 2.0, 8.0]),
)
def test_another_unit_with_knots_in_that_unit_changes_no_column(spline: Spline, shift: int, scale: float) -> None:
    def moved(values: Any) -> Any:
        return tuple(scale * (value + shift) for value in values)

    other = Spline(spline.basis, spline.degree, moved(spline.knots), moved(spline.boundary), spline.intercept)
    x = inside(spline)
    np.testing.assert_allclose(matrix(other, np.array(moved(x))), matrix(spline, x), atol=1e-11)


@given(splines("ns", intercept=True), st.floats(0.5, 50))
def test_a_natural_spline_goes_on_as_a_straight_line(spline: Spline, step: float) -> None:
    low, high = spline.boundary
    for end, way in ((low, -step), (high, step)):
        at, further, furthest = matrix(spline, np.array([end, end + way, end + 2 * way]))
        scale = np.abs([at, further, furthest]).max()
        np.testing.assert_allclose(furthest - further, further - at, atol=1e-9 * scale)


@pytest.mark.parametrize("basis", ["bs", "ns"])
def test_what_is_missing_stays_missing(basis: Basis) -> None:
    spline = Spline(basis, 3, (0.5,), (0.0, 1.0))
    assert np.isnan(spline_column(spline, 1, np.array([0.3, np.nan]))).tolist() == [False, True]


def table(**changes: Any) -> Table:
    rng = np.random.default_rng(1)
    numbers = {
        "y": rng.integers(0, 2, N),
        "x": rng.uniform(0, 100, N),
        "age": np.where(np.arange(N) == 7, 33, 40 + np.arange(N) % 40),
    } | changes
    codes = {"f": (np.arange(N) % 3).astype(np.int32)}
    return Table(N, {name: np.asarray(values, dtype=float) for name, values in numbers.items()}, codes, {})


def built(right: str, data: Table | None = None) -> SiteDesign:
    asked = resolve(AnalysisRequest(formula=f"y ~ {right}"), DICTIONARY, ("A",))
    return build(asked, DICTIONARY, data or table())


def codes(right: str, data: Table | None = None) -> set[str]:
    return {breach.code for breach in breaches(built(right, data).counts, "default")}


def test_a_value_beyond_the_boundary_of_a_b_spline_is_refused_and_not_quoted() -> None:
    data = table(x=np.where(np.arange(N) == 7, 123.4, 50.0 + np.arange(N) % 3))
    with pytest.raises(RowError, match="beyond the boundary knots") as caught:
        built("bs(x, df = 4)", data)
    assert caught.value.where == "column `bs(x, df = 4)1`"
    assert "`range`" in caught.value.remedy
    assert "123" not in str(caught.value)
    assert "8" not in caught.value.message
    assert caught.value.row == 8
    assert np.isfinite(built("ns(x, df = 4)", data).rows.X).all()


def test_a_value_that_cannot_be_computed_is_refused_before_the_spline() -> None:
    data = table(x=np.where(np.arange(N) == 7, -1.0, 50.0))
    for basis in ("bs", "ns"):
        with pytest.raises(RowError, match="cannot be computed"):
            built(f"{basis}(log(x), df = 4, Boundary.knots = c(0, 9))", data)


def test_a_row_of_which_a_value_is_missing_is_dropped() -> None:
    data = table(x=np.where(np.arange(N) < 5, np.nan, 50.0 + np.arange(N) % 30))
    assert built("ns(x, df = 3)", data).dropped == 5


def test_sum_coding_is_minus_one_at_the_last_level_also_where_a_level_is_missing() -> None:
    rows = Table(4, {}, {"f": np.array([0, 2, 2, 0], dtype=np.int32)}, {})
    first, second = (Column(f"f{level}", (ContrastFactor("f", level, "c"),)) for level in ("a", "b"))
    assert finite_column(first, rows, DICTIONARY).tolist() == [1, -1, -1, 1]
    assert finite_column(second, rows, DICTIONARY).tolist() == [0, -1, -1, 0]
    unknown = Column("f1", (ContrastFactor("f", "a", "z"),))
    with pytest.raises(DataError, match="gives `f` no level `z`"):
        finite_column(unknown, rows, DICTIONARY)


@pytest.mark.parametrize(
    "right",
    [
        "bs(x, df = 6)",
        "ns(x, df = 4)",
        "poly(x, 3, raw = TRUE)",
        "ns(age, df = 3, Boundary.knots = c(33, 80))",
        "f + ns(x, df = 2)",
        "scale(age, 60, 10) * C(f, treatment)",
        "x + (1 + ns(x, df = 2) | site)",
    ],
)
def test_terms_that_single_nobody_out_pass(right: str) -> None:
    assert codes(right) == set()


@pytest.mark.parametrize(
    "right",
    [
        "bs(age, knots = c(32, 33, 34), degree = 1, Boundary.knots = c(30, 90))",
        "0 + bs(age, knots = 39, degree = 2, intercept = TRUE, Boundary.knots = c(33, 90))",
        "bs(age, knots = c(32.9, 33, 33.1), degree = 1, Boundary.knots = c(30, 90)):f",
        "x + (0 + bs(age, knots = c(32, 33, 34), degree = 1, Boundary.knots = c(30, 90)) | site)",
        "ns(age, knots = c(33.1, 33.2, 39), Boundary.knots = c(33, 39.5), intercept = TRUE)",
    ],
)
def test_a_knot_singles_nobody_out(right: str) -> None:
    """The only patient of 33 years would be all that a column tells."""
    assert "rare_level" in codes(right)


@pytest.mark.parametrize(("reaching", "found"), [(2, {"rare_level"}), (3, set())])
def test_a_b_spline_is_judged_by_the_rows_that_it_reaches(reaching: int, found: set[str]) -> None:
    """Its column is zero in all others."""
    x = np.where(np.arange(N) < reaching, 95.0 + np.arange(N), 1 + np.arange(N) % 50)
    y = np.where(np.arange(N) < reaching, 1, np.arange(N) % 2)
    assert codes("bs(x, knots = 60)", table(x=x, y=y)) & {"rare_level"} == found
