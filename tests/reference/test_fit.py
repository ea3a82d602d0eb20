"""What the analyst's `Fit` says is what lme4 and glmmTMB say, under the names that statsmodels, lme4 and broom users know."""

import math

import numpy as np
import pytest

from coordinator.client import Fit
from tests.reference.cases import case
from tests.reference.finished import BOUNDARY, GAUSSIAN, INSIDE, result

MODELS = pytest.mark.parametrize(("name", "engine"), [(INSIDE, "glmmTMB_laplace"), (GAUSSIAN, "lme4_ML")])


@MODELS
def test_estimates_errors_and_criteria_are_the_references(name: str, engine: str) -> None:
    fit, reference = Fit(result(name)), case(name).fits[engine]
    assert list(fit.params) == list(reference["beta"])
    for (term, beta), se in zip(reference["beta"].items(), np.ravel(reference["se"]), strict=True):
        assert fit.params[term] == pytest.approx(beta, abs=1e-6 * se)
        assert fit.bse[term] == pytest.approx(se, rel=1e-6)
        assert fit.tvalues[term] == pytest.approx(beta / se, rel=1e-5)
    for ours, theirs in ((fit.llf, "logLik"), (fit.aic, "AIC"), (fit.bic, "BIC")):
        assert ours == pytest.approx(reference[theirs], abs=1e-6)
    assert fit.nobs == len(case(name).y)


@MODELS
def test_the_covariance_is_the_references_by_name(name: str, engine: str) -> None:
    ours = Fit(result(name)).cov_params()
    np.testing.assert_allclose(
        np.array([list(row.values()) for row in ours.values()], float),
        case(name).fits[engine]["vcov"],
        rtol=1e-5,
        atol=1e-9,
    )
    assert all(list(row) == list(ours) for row in ours.values())


@pytest.mark.parametrize(("name", "engine"), [(INSIDE, "glmmTMB_laplace"), (GAUSSIAN, "glmmTMB_ML")])
def test_variances_and_correlations_stand_as_in_r(name: str, engine: str) -> None:
    rows, effects = Fit(result(name)).var_corr(), case(name).fits[engine]["random_effects"]
    first, second, pair, *residual = rows
    sds, correlation = np.ravel(effects["sd"]), np.ravel(effects["corr"])[1]
    assert [first["sdcor"], second["sdcor"]] == pytest.approx(sds, rel=1e-5)
    assert [first["vcov"], second["vcov"]] == pytest.approx(sds**2, rel=1e-5)
    assert (pair["sdcor"], pair["vcov"]) == pytest.approx((correlation, correlation * math.prod(sds)), rel=1e-5)
    assert [row["var2"] for row in rows] == [None, None, second["var1"], *[None] * len(residual)]
    assert [(row["grp"], row["var1"]) for row in residual] == [("Residual", None)] * (name == GAUSSIAN)


def test_a_variance_of_zero_is_zero_and_has_no_error() -> None:
    fit = Fit(result(BOUNDARY))
    assert [(row["vcov"], row["sdcor"]) for row in fit.var_corr()] == [(0.0, 0.0)]
    assert fit.tidy("ran_pars", conf_level=0.5)[0]["conf.low"] is None
    assert (fit.outcome, fit.has_estimates) == ("boundary", True)
