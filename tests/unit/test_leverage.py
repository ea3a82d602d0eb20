"""Claims about how much of an answer may be a single unit's."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.parameters import ParameterLayout
from site_node.data.counts import Counts
from site_node.data.design import SiteDesign
from site_node.estimation.contribution import exposed_contribution
from site_node.estimation.exposure import weights_of
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import default_start, exposed_start
from site_node.release.information import LowerBound, from_some_rows
from site_node.release.leverage import MOST, Leverage, refusal

CLEAR = Counts(rows=0, parameters=1)


def rows_of(X: np.ndarray, y: np.ndarray | None = None, weight: np.ndarray | None = None) -> Rows:
    n = len(X)
    y = (np.arange(n) % 2).astype(float) if y is None else y
    weight = np.ones(n) if weight is None else weight
    return Rows.sorted_by_group(X=X, Z=np.zeros((n, 0)), y=y, weight=weight, offset=np.zeros(n), group=None)


def leverage(
    X: np.ndarray, *, prior: np.ndarray | None = None, unit: np.ndarray | None = None, counts: Counts = CLEAR
) -> Leverage:
    return Leverage.of(SiteDesign(rows_of(X, weight=prior), 0, counts, unit))


def bound_of(judge: Leverage, weight: np.ndarray) -> LowerBound | None:
    assert judge.root is not None
    return from_some_rows(judge.X, judge.root, judge.prior, weight / judge.prior, judge.even, lost=judge.lost)


def by_orthogonal_columns(X: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Of each row, without X'WX, in which columns that are nearly collinear drown."""
    scaled = np.sqrt(weight)[:, None] * X
    orthogonal, _ = np.linalg.qr(scaled / np.sqrt(np.sum(scaled**2, axis=0)))
    return np.asarray(np.sum(orthogonal**2, axis=1))


def shares(X: np.ndarray, weight: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Of each unit, straight from the definition."""
    inverse = np.linalg.pinv(X.T @ (weight[:, None] * X))
    return np.bincount(unit, weight * np.sum((X @ inverse) * X, axis=1))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.floats(0.0, 8.0), st.booleans())
def test_a_unit_is_found_exactly_when_the_definition_puts_it_above_the_limit(
    seed: int, p: int, spread: float, visits: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3 * p, 40 * p))
    X, prior = rng.normal(size=(n, p)), rng.integers(1, 9, n).astype(float)
    unit = rng.integers(0, max(3, n // 3), n) if visits else np.arange(n)
    _, unit = np.unique(unit, return_inverse=True)
    weight = prior * np.exp(spread * rng.normal(size=n))
    expected = shares(X, weight, unit)
    found = leverage(X, prior=prior, unit=unit if visits else None).judged(weight[None]).heavy
    if abs(expected.max() - MOST) > 1e-6:
        assert (found is not None) == (expected.max() > MOST)
    if found is not None:
        assert MOST < found.leverage <= expected.max() * (1.0 + 1e-6)
        assert unit[found.row] == expected.argmax()
        assert found.row == np.argmax(unit == unit[found.row])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
def test_no_row_that_the_bound_clears_is_above_the_limit(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_t(3, size=(200, 3))
    weight = np.exp(spread * rng.normal(size=200))
    judge = leverage(X)
    cleared = np.setdiff1d(np.arange(200), judge.suspects(weight / weight.max()))
    assert shares(X, weight, np.arange(200))[cleared].max(initial=0.0) <= MOST


def test_the_bound_clears_a_large_site_whatever_a_few_rows_weigh() -> None:
    """So a round computes no leverage at all; weights of nothing in a row in a hundred do not change that."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20_000, 20))
    weight = np.exp(0.7 * rng.normal(size=20_000))
    weight[::100] = 0.0
    assert len(leverage(X).suspects(weight / weight.max())) == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(1.0, 1e3), st.booleans())
def test_where_the_first_bound_leaves_most_rows_the_spectrum_clears_none_that_the_definition_does_not(
    seed: int, p: int, steep: float, visits: bool
) -> None:
    """Many rows beside the columns, weights that fall from a hyperplane on, and one row that lies far out."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(1500), rng.normal(size=(1500, p))])
    X[0, -1] = 10.0 ** rng.uniform(0.0, 3.0)
    weight = np.exp(-steep * np.abs(X[:, 1] - X[int(rng.integers(1500)), 1]))
    weight[0] = 10.0 ** rng.uniform(-6.0, 0.0)
    unit = np.arange(1500) // 3 if visits else np.arange(1500)
    expected = shares(X, weight, unit)
    found = leverage(X, unit=unit if visits else None).judged(weight[None]).heavy
    if abs(expected.max() - MOST) > 1e-6:
        assert (found is not None) == (expected.max() > MOST)
    if found is not None:
        assert expected[unit[found.row]] == pytest.approx(expected.max(), rel=1e-6)


def with_leverage(X: np.ndarray, weight: np.ndarray, row: int, share: float) -> np.ndarray:
    """The weights with that of a row changed so that the row has this leverage."""
    others = np.where(np.arange(len(X)) == row, 0.0, weight)
    size = X[row] @ np.linalg.solve(X.T @ (others[:, None] * X), X[row])
    return np.where(np.arange(len(X)) == row, share / (1.0 - share) / size, weight)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 24),
    st.floats(0.0, 3.0),
    st.floats(-5.0, -0.5),
    st.sampled_from([-1.0, 1.0]),
)
def test_a_row_is_told_on_which_side_of_the_limit_it_is_however_near(
    seed: int, p: int, spread: float, near: float, side: float
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(40 * p, 100 * p))
    X, prior = rng.standard_t(5, size=(n, p)), rng.integers(1, 4, n).astype(float)
    weight = with_leverage(X, prior * np.exp(spread * rng.normal(size=n)), 3, MOST * (1.0 + side * 10.0**near))
    expected = shares(X, weight, np.arange(n))
    found = leverage(X, prior=prior).judged(weight[None]).heavy
    assert (found is not None) == (expected.max() > MOST)
    assert found is None or found.row == expected.argmax()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(0.0, 6.0), st.floats(0.0, 1.0), st.booleans())
def test_what_some_rows_tell_of_the_information_is_no_more_than_all_of_it_and_what_it_says_of_a_row_holds(
    seed: int, p: int, spread: float, nothing: float, far_out: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30 * p, 300 * p))
    X, prior = rng.standard_t(3, size=(n, p)), rng.integers(1, 9, n).astype(float)
    X[5] *= 1e3 if far_out else 1.0
    weight = prior * np.exp(spread * rng.normal(size=n)) * (rng.random(n) > 0.9 * nothing)
    bound = bound_of(leverage(X, prior=prior), weight)
    assert bound is not None
    H = X.T @ (weight[:, None] * X)
    difference = bound.directions.T @ H @ bound.directions - np.diag(bound.values)
    assert np.linalg.eigvalsh(difference)[0] > -1e-9 * bound.values[-1]
    expected, some = shares(X, weight, np.arange(n)), rng.permutation(n)[:7]
    least, most = bound.sharply(X, weight, some)
    assert np.all(least <= expected[some] * (1.0 + 1e-6))
    assert np.all(expected[some] <= most * (1.0 + 1e-6) + 1e-12)
    assert np.all(expected[some] <= bound.most(X, weight, some) * (1.0 + 1e-6))


@pytest.mark.parametrize("share", [0.3, 0.37])
def test_a_pass_over_a_large_site_tells_a_row_near_the_limit_without_all_of_its_information(share: float) -> None:
    rng = np.random.default_rng(9)
    X = np.column_stack([np.ones(20_000), rng.normal(size=(20_000, 19))])
    weight = with_leverage(X, np.exp(0.7 * rng.normal(size=20_000)), 11, share)
    weight /= weight.max()
    judge = leverage(X)
    bound, suspects = bound_of(judge, weight), judge.suspects(weight)
    assert bound is not None
    assert bound.most(X, weight, suspects).max() > 1.2 * MOST, "some of the rows leave it open"
    left, found = judge._told(bound, weight, suspects)
    assert (len(left) > 0, found is not None) == (share > MOST, share > MOST)
    if found is not None:
        assert found.row == 11
        assert found.leverage == pytest.approx(share, rel=0.02)


@pytest.mark.parametrize("steep", [0.0, 1.0, 30.0])
def test_of_many_rows_that_the_first_bound_leaves_the_spectrum_clears_all_but_a_few(steep: float) -> None:
    rng = np.random.default_rng(7)
    X = np.column_stack([np.ones(20_000), rng.normal(size=(20_000, 3))])
    weight = np.exp(-np.linspace(0.0, 50.0, 20_000) - steep * np.abs(X[:, 1]))
    judge = leverage(X)
    left = judge._left_by(bound_of(judge, weight), weight, judge.suspects(weight))
    assert len(judge.suspects(weight)) > 10_000
    assert len(left) < 20
    assert judge.judged(weight[None]).own


def test_a_level_that_a_site_lacks_and_columns_that_are_sums_of_others_refuse_nothing() -> None:
    x = np.linspace(-1, 1, 60)
    X = np.column_stack([np.ones(60), x, 2 * x - 1, np.zeros(60)])
    assert leverage(X).judged(np.ones((1, 60))).heavy is None
    only = np.where(np.arange(60) == 5, 1.0, 0.0)
    found = leverage(np.column_stack([X, only])).judged(np.ones((1, 60))).heavy
    assert found is not None
    assert found.row == 5
    assert found.leverage == pytest.approx(1.0)


def test_weights_that_have_vanished_are_refused_and_an_answer_without_any_is_not() -> None:
    judge = leverage(np.column_stack([np.ones(60), np.linspace(-1, 1, 60)]))
    assert judge.judged(np.zeros((1, 60))).heavy is not None
    assert judge.judged(np.full((1, 60), 1e-310)).heavy is None
    assert judge.judged(np.zeros((0, 60))).heavy is None


def test_an_answer_to_which_only_a_row_of_zeros_weighs_tells_nothing_of_it() -> None:
    X = np.column_stack([np.ones(60), np.linspace(-1, 1, 60)])
    X[7] = 0.0
    assert leverage(X).judged(np.where(np.arange(60) == 7, 1.0, 0.0)[None]).heavy is None


def heavy_among_many() -> tuple[np.ndarray, np.ndarray]:
    """One row of leverage nearly 1 by itself, and the information of sites among which it drowns."""
    x = np.where(np.arange(60) == 7, 30.0, np.linspace(-1, 1, 60))
    X = np.column_stack([np.ones(60), x])
    return X, 10 * X.T @ X


def test_what_a_site_may_not_say_by_itself_it_says_where_it_drowns_among_all_sites() -> None:
    X, pooled = heavy_among_many()
    judge, weight = leverage(X), np.ones((1, 60))
    assert judge.judged(weight).heavy is not None
    assert judge.judged(weight, pooled).heavy is None
    assert judge.judged(weight, pooled / 9).heavy is not None


@pytest.mark.parametrize(
    "counts",
    [
        replace(CLEAR, cells=((20, 2, 38),)),
        replace(CLEAR, outcomes=(58, 2)),
    ],
)
def test_a_site_with_a_cell_or_an_outcome_of_two_units_does_not(counts: Counts) -> None:
    X, pooled = heavy_among_many()
    assert leverage(X, counts=counts).judged(np.ones((1, 60)), pooled).heavy is not None
    assert leverage(X[:, :1], counts=counts).judged(np.ones((1, 60))).heavy is None


def test_nor_does_one_whose_answer_few_units_carry_however_large_the_sum_it_is_shown() -> None:
    X, pooled = heavy_among_many()
    few = np.where(np.arange(60) < 9, 1.0, 1e-9)[None]
    assert leverage(X).judged(few, 1e9 * pooled).heavy is not None
    twelve = np.where((np.arange(60) < 12), 1.0, 1e-9)[None]
    assert leverage(X).judged(twelve, 1e9 * pooled).heavy is None
    pairs = np.arange(60) // 2
    assert leverage(X, unit=pairs).judged(twelve, 1e9 * pooled).heavy is not None


def test_a_sum_that_is_no_information_serves_nobody() -> None:
    X, pooled = heavy_among_many()
    for nothing in (-pooled, 0 * pooled, pooled * [[1, 0], [0, 0]], pooled * [[1, 0], [0, -1]]):
        assert leverage(X).judged(np.ones((1, 60)), nothing).heavy is not None


@pytest.mark.parametrize("key", [key for key, family in REGISTRY.items() if family.canonical])
def test_a_canonical_links_observed_weight_is_the_expected_one(key: tuple[str, str]) -> None:
    rng, family = np.random.default_rng(2), REGISTRY[key]
    eta, y = rng.uniform(0.2, 2.0, 50), rng.integers(0, 2, 50).astype(float) + (0.5 if key[0] == "gamma" else 0.0)
    l2 = family.derivatives(y, np.ones(50), eta, 0.0, 2)[1]
    assert np.allclose(-l2, family.working(y, np.ones(50), eta)[1], rtol=1e-12)
    assert len(weights_of(rows_of(np.ones((50, 1)), y), family, eta, l2)) == 1


def test_a_probits_thresholds_show_in_its_expected_weights_only() -> None:
    """Far from the step -l2 is one where the response is not explained: by it alone half of the rows would carry the answer."""
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(80), rng.normal(size=80)])
    rows, model = rows_of(X), Model(ParameterLayout(("(Intercept)", "x")), REGISTRY["binomial", "probit"])
    _, weights = exposed_contribution(rows, model, 1e4 * np.array([-0.1, 1.0]))
    judge = leverage(X)
    assert judge.judged(weights[:1]).heavy is None
    assert judge.judged(weights).heavy is not None


def test_a_gamma_responses_weights_show_what_its_expected_ones_hide() -> None:
    X = np.column_stack([np.ones(60), np.linspace(-1, 1, 60)])
    rows, family = rows_of(X, y=np.exp(np.arange(60) % 3.0)), REGISTRY["gamma", "log"]
    model = Model(ParameterLayout(("(Intercept)", "x"), dispersion="shape"), family)
    _, weights = exposed_contribution(rows, model, np.array([0.0, 200.0, 0.0]))
    assert leverage(X).judged(family.working(rows.y, rows.weight, X @ [0.0, 200.0])[1][None]).heavy is None
    assert leverage(X).judged(weights).heavy is not None


@pytest.mark.parametrize("key", REGISTRY)
def test_the_default_start_has_the_form_of_any_start_and_no_response_says_where_it_is(key: tuple[str, str]) -> None:
    rng, family = np.random.default_rng(5), REGISTRY[key]
    X = np.column_stack([np.ones(60), rng.normal(size=60)])
    y = rng.integers(0, 2, 60).astype(float) + (
        0.0 if key[0] == "binomial" else 0.5 * (key[0] not in {"poisson", "negative_binomial"})
    )
    model = Model(ParameterLayout(("(Intercept)", "x"), dispersion=family.dispersion), family)
    one, other = (default_start(rows_of(X, of), model) for of in (y, np.roll(y, 7)))
    own, weights = exposed_start(rows_of(X, y), model)
    assert weights.shape[1] == 60
    assert [len(one.quadratics), one.totals.shape] == [len(own.quadratics), own.totals.shape]
    mine, theirs = (start.quadratics[0].hessian[:2, :2] for start in (one, other))
    if (
        family.canonical or family.dispersion
    ):  # elsewhere the observed Hessian depends on the responses wherever it is taken
        assert np.allclose(mine, theirs, rtol=1e-12)


def test_a_refusal_has_rule_code_and_remedy_and_no_number() -> None:
    told = refusal()
    assert (told.rule, told.code) == ("G1", "leverage")
    assert told.remedy
    assert not any(character.isdigit() for character in str(told))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("fewer_events", [1e-1, 1e-3, 1e-5, 1e-7])
def test_no_bound_clears_a_row_of_a_rare_stratum_whose_columns_are_nearly_collinear(
    seed: int, fewer_events: float
) -> None:
    """Calendar years and their squares in a stratum of 1 % of the rows: rounding leaves little of a direction there."""
    rng = np.random.default_rng(seed)
    n, members = 3000, rng.choice(3000, 25 + seed, replace=False)
    stratum, year = np.zeros(n), rng.integers(2005, 2020, n).astype(float)
    stratum[members] = 1.0
    X = np.column_stack([np.ones(n), rng.normal(size=n), stratum, stratum * year, stratum * year**2])
    weight = np.full(n, 0.2)
    weight[members] *= fewer_events * rng.uniform(0.5, 1.0, len(members))
    largest = by_orthogonal_columns(X, weight).max()
    if abs(largest - MOST) > 1e-3 * MOST:
        assert leverage(X).judged(weight[None]).own == (largest < MOST)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_no_numbers_clear_nobody(number: float) -> None:
    weight = np.ones(100)
    weight[50] = number
    assert not leverage(np.random.default_rng(1).normal(size=(100, 2))).judged(weight[None]).own
