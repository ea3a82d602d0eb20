"""The fast counts are those of the straightforward definitions, for any column and any outcomes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.dictionary import Variable
from site_node.data import counts
from site_node.data.counts import MOST_VALUES, SAME, Units
from site_node.data.median import upper_median
from site_node.data.table import Table

ROWS = st.integers(1, 300)
VALUE = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-7, 1.0 + 1e-6, 1.0 - 2e-6, -3.0, 1e300, 5e-324]),
    st.floats(allow_nan=False, allow_infinity=False),
)
COLUMN = ROWS.flatmap(
    lambda n: st.lists(VALUE, min_size=1, max_size=12).flatmap(
        lambda few: arrays(np.float64, n, elements=st.sampled_from(few))
    )
)


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_RUN", 7)
    monkeypatch.setattr(counts, "_FIRST", 20)


@pytest.fixture(params=[2, 1_000])
def sampled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample that often misses the median, and one that is the whole column."""
    monkeypatch.setattr("site_node.data.median._SAMPLE", request.param)
    monkeypatch.setattr("site_node.data.median._BAND", 1)


def masks(draw: st.DrawFn, n: int, least: int) -> np.ndarray:
    mask = draw(arrays(np.bool_, n))
    mask[: min(least, n)] = True
    return mask


@st.composite
def judged(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """A column, the rows among which it is judged, and outcomes that some of them have, or several."""
    column = draw(COLUMN)
    among = masks(draw, len(column), 1)
    return column, among, [masks(draw, len(column), 0) & among for _ in range(draw(st.integers(0, 2)))]


def tallied(codes: np.ndarray, levels: int, mask: np.ndarray) -> tuple[int, ...]:
    return tuple(np.bincount(codes[mask], minlength=levels).tolist())


def expected(codes: np.ndarray, levels: int, among: np.ndarray, outcomes: list[np.ndarray]) -> tuple[object, object]:
    cells = tuple(zip(*(tallied(codes, levels, outcome) for outcome in outcomes), strict=True))
    return tallied(codes, levels, among), cells


@pytest.mark.usefixtures("sampled")
@given(COLUMN)
def test_the_median_is_the_middle_one_of_the_sorted_values(column: np.ndarray) -> None:
    assert upper_median(column) == np.sort(column)[len(column) // 2]


@given(st.integers(1, 5_000), st.integers(0, 2**32 - 1), st.sampled_from(["normal", "sorted", "periodic", "few"]))
def test_so_it_is_in_a_longer_column_of_any_order(n: int, seed: int, kind: str) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    column = {"normal": values, "sorted": np.sort(values), "few": np.rint(values)}.get(kind, np.arange(n) % 4.0)
    assert upper_median(column) == np.sort(column)[n // 2]


@pytest.mark.usefixtures("sampled")
@given(judged())
def test_a_column_is_counted_where_it_differs_from_the_value_that_half_of_its_rows_have(
    case: tuple[np.ndarray, np.ndarray, list[np.ndarray]],
) -> None:
    column, among, outcomes = case
    found = Units.of(outcomes, among).by_column("c", column)
    scale = np.abs(column[among]).max()
    codes = np.zeros(len(column), dtype=np.int64)
    if scale > 0:
        scaled = column[among] / scale
        codes[among] = np.abs(scaled - np.sort(scaled)[len(scaled) // 2]) > SAME
    if 0 < 2 * codes.sum() <= among.sum():
        assert found is not None
        assert (found.units, found.outcomes) == expected(codes, 2, among, outcomes)
    else:
        assert found is None


@given(judged())
def test_a_number_is_counted_value_by_value_in_ascending_order(
    case: tuple[np.ndarray, np.ndarray, list[np.ndarray]],
) -> None:
    column, among, outcomes = case
    table = Table(len(column), {"k": column}, {}, {})
    found = Units.of(outcomes, among).by_value(Variable(name="k", type="number"), table)
    different = np.unique(column[among])
    if len(different) > MOST_VALUES:
        assert found is None
        return
    assert found is not None
    codes = np.clip(np.searchsorted(different, column), 0, len(different) - 1)
    assert (found.units, found.outcomes) == expected(codes, len(different), among, outcomes)


@given(judged())
def test_a_factor_is_counted_level_by_level(case: tuple[np.ndarray, np.ndarray, list[np.ndarray]]) -> None:
    column, among, outcomes = case
    codes = (np.abs(column) > 0.5).astype(np.int32) + (column > 2)
    variable = Variable(name="f", type="factor", levels=("a", "b", "c", "d"))
    found = Units.of(outcomes, among).by_value(variable, Table(len(column), {}, {"f": codes}, {}))
    assert found is not None
    assert (found.units, found.outcomes) == expected(codes, 4, among, outcomes)
