"""Estimates, standard errors, log-likelihood, modes and their pieces agree with software that nobody here wrote.

Some of glmmTMB's stored optima stopped early, and say so: each file holds the gradient that was left. The comparison is
with the point to which glmmTMB's own gradient and covariance lead (`polished`), and standard errors and modes, which
belong to the stored point, are held to its own distance from there (`left_over`).
"""

from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from coordinator.inference import covariance_of_psi, random_quantities, reported_covariance
from shared.optimisation.step import State
from site_node.estimation.effects import random_effects
from site_node.estimation.slab import at_mode
from tests.reference.cases import case, fit, names
from tests.unit.test_derivatives import difference

BOUNDARY = {"lung_inst_ri", "seed_two_sites"}
GAUSSIAN = [name for name in names() if "lmm" in name]
MIXED = [name for name in names() if "lmm" not in name]
KNOWN_SD = [
    (name, sd) for name in MIXED for sd in (0.5, 1.0, 2.0) if f"fixed_sd{sd:g}_glmmTMB_laplace" in case(name).fits
]
INTERIOR = [name for name in MIXED if name not in BOUNDARY]


def covariance(state: State) -> np.ndarray:
    assert state.point is not None
    return covariance_of_psi(state.layout, state.psi, state.point.summed.hessian)


def reported(state: State) -> tuple[np.ndarray, np.ndarray]:
    """sds, correlations and residual sd, with their standard errors."""
    quantities = random_quantities(state.layout, state.psi, state.basis)
    errors = np.sqrt(reported_covariance(state.layout, quantities, covariance(state)).diagonal())
    return np.array([quantity.value for quantity in quantities]), errors[state.layout.p :]


def flat(value: object) -> np.ndarray:
    return np.array(value, dtype=float).ravel()


def newton_left(reference: dict[str, Any]) -> np.ndarray:
    """The step that glmmTMB's own gradient (of minus the log-likelihood) and covariance leave to be taken."""
    return -np.array(reference["vcov_all"]) @ flat(reference["grad"])


def left_over(reference: dict[str, Any]) -> float:
    """Its length in standard errors."""
    return float(np.max(np.abs(newton_left(reference)) / flat(list(reference["se_all"].values()))))


WITHIN = 1e-7
"""An estimation ends within sqrt(2e-16) = 1.4e-8 standard errors of the optimum; standard errors change by about as much from
there to the optimum, a few times that where a correlation is near its limit."""


def assert_agrees(state: State, beta: np.ndarray, se: object, log_likelihood: float, *, se_within: float) -> None:
    errors = np.sqrt(covariance(state).diagonal())[: state.layout.p]
    assert np.max(np.abs(state.psi[: state.layout.p] - beta) / errors) < WITHIN
    np.testing.assert_allclose(errors, flat(se), rtol=se_within)
    assert state.log_likelihood is not None
    assert abs(state.log_likelihood - log_likelihood) < 1e-7


def assert_agrees_with_glmmtmb(state: State, reference: dict[str, Any]) -> None:
    assert tuple(reference["beta"]) == state.layout.fixed
    polished = flat(list(reference["beta"].values())) + newton_left(reference)[: state.layout.p]
    within = max(WITHIN, left_over(reference))
    assert_agrees(state, polished, reference["se"], reference["logLik"], se_within=within)


@pytest.mark.parametrize("name", INTERIOR)
def test_laplace_estimates_are_those_of_glmmtmb(name: str) -> None:
    one, reference = case(name), case(name).fits["glmmTMB_laplace"]
    within = max(WITHIN, left_over(reference))
    state = fit(one.sites(5), one.model)
    assert state.ending == "converged"
    assert_agrees_with_glmmtmb(state, reference)
    values, errors = reported(state)
    q = one.model.layout.q
    sd_errors, left = (x[-len(values) :] for x in (flat(list(reference["se_all"].values())), newton_left(reference)))
    sd = flat(reference["random_effects"]["sd"]) * np.exp(left[:q])  # TMB's parameter is log sd
    assert np.max(np.abs(values[:q] - sd) / errors[:q]) < WITHIN
    np.testing.assert_allclose(errors[:q] / values[:q], sd_errors[:q], rtol=within)
    if len(values) > q:
        correlation = flat(reference["random_effects"]["corr"])[1]
        assert abs(values[q] - correlation) / errors[q] < WITHIN
        slope = (1.0 - correlation**2) ** 1.5  # TMB's parameter is t, correlation = t / sqrt(1 + t^2)
        np.testing.assert_allclose(errors[q], slope * sd_errors[q], rtol=within)


@pytest.mark.parametrize("name", INTERIOR)
def test_modes_log_determinant_and_squared_length_are_those_of_glmmtmb(name: str) -> None:
    """Modes move with psi, by less relative to the largest than psi moves in standard errors: so this end is the optimum's."""
    one, reference = case(name), case(name).fits["glmmTMB_laplace"]
    (rows,) = one.sites(1)
    state = fit([rows], one.model, tolerance=1e-20)  # within 1.4e-10 standard errors
    modes, deviations = random_effects(rows, one.model, state.psi, state.basis)
    size = modes.shape
    theirs = flat(reference["blup_flat"])
    theirs_sd = flat(reference["blup_cond_sd_flat"])
    if not one.model.layout.terms[0].correlated:  # two terms to TMB: all of one, then all of the other
        theirs, theirs_sd = (values.reshape(size[::-1]).T.ravel() for values in (theirs, theirs_sd))
    within = max(1e-9, left_over(reference))
    assert np.max(np.abs(modes.ravel() - theirs)) < within * np.max(np.abs(theirs))
    np.testing.assert_allclose(deviations.ravel(), theirs_sd, rtol=within)
    if size[1] == 1:
        tau = float(flat(reference["random_effects"]["sd"])[0])
        slabs = [
            at_mode(part, one.model, one.model.layout.unpack(state.psi)) for part in rows.in_basis(state.basis).slabs()
        ]
        squared_length = sum(float(np.sum(slab.u**2)) for slab in slabs)
        log_determinant = sum(float(np.sum(np.linalg.slogdet(slab.H).logabsdet)) for slab in slabs)
        assert squared_length == pytest.approx(float(np.sum((theirs / tau) ** 2)), rel=within)
        assert log_determinant == pytest.approx(float(np.sum(2 * np.log(tau / theirs_sd))), rel=within)


@pytest.mark.parametrize("name", GAUSSIAN)
def test_gaussian_estimates_are_those_of_lme4_and_errors_those_of_the_observed_information(name: str) -> None:
    one, lme4, glmmtmb = case(name), case(name).fits["lme4_ML"], case(name).fits["glmmTMB_ML"]
    state = fit(one.sites(5), one.model)
    assert state.ending == "converged"
    assert tuple(lme4["beta"]) == tuple(glmmtmb["beta"]) == state.layout.fixed
    observed = np.sqrt(np.array(glmmtmb["vcov_observed_information"]).diagonal())  # of beta: it holds no others
    assert_agrees(state, flat(list(lme4["beta"].values())), observed, lme4["logLik"], se_within=WITHIN)
    values, errors = reported(state)
    theirs = [*flat(glmmtmb["random_effects"]["sd"]), glmmtmb["sigma"]]
    if len(values) > len(theirs):
        (effects,) = lme4["random_effects"].values()
        theirs.insert(-1, effects["corr"][1][0])
    assert np.max(np.abs(values - np.array(theirs)) / errors) < WITHIN


@pytest.mark.parametrize("name", [name for name in GAUSSIAN if "sleepstudy" in name])
def test_gaussian_errors_of_sds_correlations_and_sigma_are_the_observed_informations(name: str) -> None:
    """No reference file holds them: so from the textbook's marginal density, differenced in the reported numbers themselves."""
    one = case(name)
    state = fit(one.sites(5), one.model)
    values, errors = reported(state)
    beta, q = state.psi[: state.layout.p], one.model.layout.q
    center, scale = np.concatenate([beta, values]), np.concatenate([np.sqrt(covariance(state).diagonal())[:2], errors])

    def log_density(move: np.ndarray) -> float:
        b, sd, rest = np.split(center + scale * move, [len(beta), len(beta) + q])
        Sigma = np.diag(sd * sd)
        if len(rest) > 1:
            Sigma[0, 1] = Sigma[1, 0] = rest[0] * sd[0] * sd[1]
        chosen = [one.group == label for label in np.unique(one.group)]
        return float(
            sum(
                multivariate_normal.logpdf(
                    one.y[k] - one.X[k] @ b, cov=one.Z[k] @ Sigma @ one.Z[k].T + rest[-1] ** 2 * np.eye(k.sum())
                )
                for k in chosen
            )
        )

    assert log_density(0.0 * center) == pytest.approx(state.log_likelihood, abs=1e-9)
    at = np.zeros(len(center))
    information = -difference(lambda x: difference(log_density, x, 0.05), at, 0.05)
    np.testing.assert_allclose(np.sqrt(np.linalg.inv(information).diagonal()), 1.0, rtol=1e-6)


@pytest.mark.parametrize(("name", "sd"), KNOWN_SD)
def test_estimates_at_a_known_sd_are_those_of_glmmtmb(name: str, sd: float) -> None:
    one = case(name)
    state = fit(one.sites(5), one.with_known_sd(sd))
    assert state.ending == "converged"
    assert_agrees_with_glmmtmb(state, one.fits[f"fixed_sd{sd:g}_glmmTMB_laplace"])


def test_the_known_sds_are_as_many_as_the_references() -> None:
    """Nineteen cases at sd 1, two of them at 0.5 and 2 too; none that glmmTMB has is left out."""
    stored = sum(key.startswith("fixed_sd") and "glmmTMB" in key for name in names() for key in case(name).fits)
    assert len(KNOWN_SD) == stored == 23


@pytest.mark.parametrize("name", sorted(BOUNDARY))
def test_on_the_boundary_the_estimates_are_the_smaller_models_and_the_variance_has_no_error(name: str) -> None:
    one = case(name)
    state = fit(one.sites(5), one.model)
    reference, glm = one.fits["glmmTMB_laplace"], one.fits["glm_no_random_effects"]
    assert state.ending == "boundary"
    assert_agrees(state, flat(list(glm["beta"].values())), reference["se"], reference["logLik"], se_within=WITHIN)
    values, errors = reported(state)
    assert values[0] == 0.0
    assert np.isnan(errors[0])


@pytest.mark.parametrize("name", MIXED)
def test_without_a_random_term_the_fit_is_that_of_glm(name: str) -> None:
    """Whose standard errors are of the weights before its last iteration: hence 1e-6."""
    one = case(name).without_random_effects()
    reference = one.fits["glm_no_random_effects"]
    state = fit([one.rows(np.arange(len(one.y)) % 3 == k) for k in range(3)], one.model)
    assert state.ending == "converged"
    assert tuple(reference["beta"]) == state.layout.fixed
    assert_agrees(state, flat(list(reference["beta"].values())), reference["se"], reference["logLik"], se_within=1e-6)


def test_every_family_that_is_built_has_a_reference_case() -> None:
    families = {type(case(name).model.family) for name in names()}
    assert len(families) == 5
    assert len(names()) == 35
