"""Standard errors, tests and intervals are what the observed information says, and keep inside their range."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from coordinator.client.wald import normal_quantile, p_value
from coordinator.inference import (
    Quantity,
    covariance_of_psi,
    interval,
    random_quantities,
    reported_covariance,
)
from shared.parameters import ParameterLayout

LAYOUTS = [
    ParameterLayout.of_one_term(("a",), ("i", "s", "t"), correlated=True, dispersion="sigma"),
    ParameterLayout.of_one_term(("a",), ("i", "s"), correlated=False),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_of_sds_and_correlations_are_exact_in_any_basis(layout: ParameterLayout) -> None:
    rng = np.random.default_rng(2)
    psi, basis = rng.normal(size=layout.size), rng.normal(size=(layout.q, layout.q))
    h = 1e-5
    for k, quantity in enumerate(random_quantities(layout, psi, basis)):
        for j, unit in enumerate(np.eye(layout.size)):
            up, down = (random_quantities(layout, psi + s * h * unit, basis)[k].value for s in (1, -1))
            assert quantity.gradient[j] == pytest.approx((up - down) / (2 * h), abs=1e-8)


def test_signs_of_lambdas_columns_change_nothing_that_is_reported() -> None:
    layout = LAYOUTS[0]
    psi = np.random.default_rng(2).normal(size=layout.size)
    flipped = psi.copy()
    for k, (_, b) in enumerate(layout.theta_entries, start=layout.p):
        flipped[k] *= -1.0 if b == 1 else 1.0
    for one, other in zip(
        random_quantities(layout, psi, np.eye(3)), random_quantities(layout, flipped, np.eye(3)), strict=True
    ):
        assert one.value == pytest.approx(other.value, rel=1e-14)


@given(st.floats(-40, 40))
def test_p_values_are_two_sided_normal(z: float) -> None:
    assert p_value(z) == pytest.approx(2 * norm.sf(abs(z)), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_intervals_reach_the_normal_quantile(level: float) -> None:
    assert normal_quantile(level) == pytest.approx(norm.ppf((1 + level) / 2), rel=1e-12)


@given(value=st.floats(1e-3, 1e3), se=st.floats(1e-6, 1e3))
def test_an_interval_of_a_standard_deviation_is_positive_and_holds_it(value: float, se: float) -> None:
    low, high = interval(Quantity("sd", "site", ("x",), value, np.zeros(1)), min(se, 50 * value), 1.96)
    assert 0.0 <= low <= value <= high


@given(value=st.floats(-0.999, 0.999), se=st.floats(1e-6, 10))
def test_an_interval_of_a_correlation_stays_a_correlation(value: float, se: float) -> None:
    low, high = interval(Quantity("cor", "site", ("x", "y"), value, np.zeros(1)), se, 1.96)
    assert -1.0 <= low <= value <= high <= 1.0


def test_what_is_on_the_boundary_has_no_standard_error_and_the_rest_have_the_smaller_models() -> None:
    layout = ParameterLayout.of_one_term(("a", "b"), ("i",))
    hessian = -np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 5.0]])
    psi = np.array([1.0, 2.0, 0.0])
    covariance = covariance_of_psi(layout, psi, hessian)
    np.testing.assert_allclose(covariance[:2, :2], np.linalg.inv(-hessian[:2, :2]))
    assert np.isnan(covariance[2]).all()
    reported = reported_covariance(layout, random_quantities(layout, psi, np.eye(1)), covariance)
    np.testing.assert_allclose(reported[:2, :2], covariance[:2, :2])
    assert np.isnan(reported[2, 2])


def test_a_hessian_that_is_no_maximum_gives_no_standard_errors() -> None:
    layout = ParameterLayout(("a", "b"))
    for hessian in (-np.array([[1.0, 2.0], [2.0, 1.0]]), np.eye(2), -np.ones((2, 2))):
        assert np.isnan(covariance_of_psi(layout, np.zeros(2), hessian)).all()


def test_a_correlation_at_its_limit_has_no_interval() -> None:
    low, high = interval(Quantity("cor", "site", ("x", "y"), 1.0, np.zeros(1)), math.nan, 1.96)
    assert math.isnan(low)
    assert math.isnan(high)


def test_a_correlation_of_one_has_no_standard_error() -> None:
    layout = ParameterLayout.of_one_term(("a",), ("i", "s"))
    psi = np.array([0.3, 1.0, 0.5, 0.0])
    quantities = random_quantities(layout, psi, np.eye(2))
    hessian = -np.diag([4.0, 3.0, 2.0, 5.0])
    reported = reported_covariance(layout, quantities, covariance_of_psi(layout, psi, hessian))
    assert [quantity.kind for quantity in quantities] == ["sd", "sd", "cor"]
    assert np.isfinite(reported[:3, :3]).all()
    assert np.isnan(reported[3, 3])


def test_a_quantity_that_depends_on_what_has_no_standard_error_has_none_either() -> None:
    """The second column of Lambda lies at a diagonal of zero, and the effects below it go on depending on that entry."""
    layout = ParameterLayout.of_one_term(("a",), ("i", "s", "t"))
    psi = np.array([0.3, 1.0, 0.4, 0.2, 0.0, 0.6, 0.7])
    covariance = covariance_of_psi(layout, psi, -np.diag(np.arange(2.0, 9.0)))
    quantities = random_quantities(layout, psi, np.eye(3))
    reported = reported_covariance(layout, quantities, covariance)
    depend = [False, *(bool(quantity.gradient[4] != 0.0) for quantity in quantities)]
    assert [quantity.names for quantity in quantities if quantity.gradient[4] != 0.0] == [("i", "s"), ("s", "t")]
    assert np.isnan(reported[depend]).all()
    assert np.isnan(reported[:, depend]).all()
    assert np.isfinite(reported.diagonal()[[0, 1, 2, 3]]).all()


def test_without_a_covariance_nothing_has_a_standard_error_of_zero() -> None:
    layout = LAYOUTS[0]
    quantities = random_quantities(layout, np.arange(1.0, layout.size + 1.0), np.eye(3))
    assert np.isnan(reported_covariance(layout, quantities, np.full((layout.size, layout.size), np.nan))).all()


def test_an_interval_beyond_the_floating_point_range_is_infinite_and_no_error() -> None:
    assert interval(Quantity("sd", "site", ("x",), 1e-9, np.zeros(1)), 1.0, 1.96)[1] == math.inf
