"""A dispersion that the rows do not tell: at its limit, tiny, or of two rows; each fit is right or says why it cannot be."""

import numpy as np
import pytest

from coordinator.inference import covariance_of_psi
from shared.optimisation.state import State
from site_node.estimation.families import REGISTRY
from tests.reference.cases import fit
from tests.unit.generated import mean_of
from tests.unit.hard_rows import GROUP, X1, N, X, model_of, rows_of


def assert_at_its_limit(state: State, said: str) -> None:
    assert state.outcome is not None
    assert state.point is not None
    assert state.outcome.kind == "boundary"
    assert any(said in name for name in state.outcome.names)
    covariance = covariance_of_psi(state.layout, state.psi, state.point.summed.hessian)
    assert np.isnan(covariance[-1]).all()
    assert (covariance.diagonal()[: state.layout.p] > 0.0).all()


@pytest.mark.parametrize("q", [0, 1])
def test_a_negative_binomial_for_responses_no_more_dispersed_than_poisson_is_poisson_on_the_boundary(q: int) -> None:
    mu = np.exp(1.5 + 0.4 * X1 + 0.3 * np.sin(GROUP))
    rows = rows_of(X, np.round(mu + 0.3 * np.sqrt(mu) * np.random.default_rng(2).normal(size=N)).clip(0.0), GROUP, q=q)
    state, poisson = (fit([rows], model_of((family, "log"), q=q)) for family in ("negative_binomial", "poisson"))
    assert_at_its_limit(state, "Poisson")
    assert state.round <= 25
    assert poisson.ending == "converged"
    assert state.log_likelihood == pytest.approx(poisson.log_likelihood, abs=1e-9)
    assert poisson.point is not None
    error = np.sqrt(np.linalg.inv(-poisson.point.summed.hessian).diagonal())
    np.testing.assert_array_less(np.abs(np.abs(state.psi[:-1]) - np.abs(poisson.psi)) / error, 1e-5)


@pytest.mark.parametrize("known_sd", [None, 0.5])
def test_two_rows_of_a_negative_binomial_are_on_the_boundary_and_not_separated(known_sd: float | None) -> None:
    """The mean follows the size to its limit, by ever shorter moves: it does not run off."""
    q = int(known_sd is not None)
    rows = rows_of(np.ones((2, 1)), np.array([1.0, 2.0]), np.arange(2), q=q)
    state = fit([rows], model_of(("negative_binomial", "log"), 1, q=q, known_sd=known_sd))
    assert_at_its_limit(state, "Poisson")
    assert known_sd or state.psi[0] == pytest.approx(np.log(1.5), abs=1e-6)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key[0] in {"gaussian", "gamma", "inverse_gaussian"}])
def test_two_rows_that_a_known_sd_explains_leave_no_dispersion(key: tuple[str, str]) -> None:
    rows = rows_of(np.ones((2, 1)), np.array([1.0, 2.0]), np.arange(2), q=1)
    said = "residual sd is 0" if key[0] == "gaussian" else "shape is unlimited"
    assert_at_its_limit(fit([rows], model_of(key, 1, q=1, known_sd=0.5)), said)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key[0] != "negative_binomial"])
def test_two_rows_have_an_intercept(key: tuple[str, str]) -> None:
    """Of each family the likelihood of two responses is largest at their mean, whatever the dispersion."""
    y = np.array([0.0, 1.0]) if key[0] == "binomial" else np.array([1.0, 2.0])
    state = fit([rows_of(np.ones((2, 1)), y)], model_of(key, 1))
    assert state.ending == "converged"
    assert mean_of(key, state.psi[:1])[0] == pytest.approx(y.mean(), rel=1e-7)


@pytest.mark.parametrize("key", [("gamma", "log"), ("inverse_gaussian", "log")])
@pytest.mark.parametrize("cv", [1e-3, 1e-4])
def test_a_small_dispersion_is_found_beside_a_large_mean(key: tuple[str, str], cv: float) -> None:
    """Of the responses' working sum of squares the residual is 1e-11 there: it would drown."""
    y = 1e6 * np.exp(0.1 * X1 + cv * np.random.default_rng(2).normal(size=N))
    rows = rows_of(X, y)
    state = fit([rows], model_of(key))
    assert state.ending == "converged"
    shape = N / np.sum((y / np.exp(X @ state.psi[:2]) - 1.0) ** 2)
    mean = 1.0 if key[0] == "gamma" else np.exp(np.mean(np.log(y)))
    assert state.psi[-1] == pytest.approx(np.log(shape * mean), abs=0.05)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key[0] in {"gaussian", "gamma", "inverse_gaussian"}])
@pytest.mark.parametrize("noise", [1e-2, 1e-4, 1e-6, 0.0])
def test_nearly_no_dispersion_is_estimated_or_called_a_perfect_fit(key: tuple[str, str], noise: float) -> None:
    """A relative noise of 1e-6 is a shape of 1e12; without any, responses are as good as computed from the columns."""
    eta = X @ np.array([2.0, 0.1])
    mu = mean_of(key, eta)
    y = mu * np.exp(noise * np.random.default_rng(2).normal(size=N))
    state = fit([rows_of(X, y)], model_of(key))
    if noise == 0.0:
        assert state.ending == "perfect_fit"
        return
    assert state.ending == "converged"
    np.testing.assert_allclose(state.psi[:2], [2.0, 0.1], atol=noise)
    log_sd = np.log(noise) + (np.log(2.0) if key[0] == "gaussian" else 0.0)  # its mu is about 2
    log_phi = {"gaussian": log_sd, "gamma": -2.0 * log_sd, "inverse_gaussian": -2.0 * log_sd + np.log(np.mean(mu))}
    assert state.psi[-1] == pytest.approx(log_phi[key[0]], abs=0.3)
