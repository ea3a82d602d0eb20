"""At glmmTMB's optimum of a negative binomial or gamma model the log-likelihood, its slope and its curvature are glmmTMB's."""

import numpy as np
import pytest

from site_node.estimation.laplace import contribution
from tests.reference.cases import case
from tests.reference.test_laplace import left_over

CASES = ["epil_nb2_ri", "owls_nb2_ri_offset", "lung_gamma_inst_ri", "orthodont_gamma_ri", "sleepstudy_gamma_ri"]
BOUNDARY = "lung_gamma_inst_ri"
"""Its sd tends to zero, and log sd, which is TMB's parameter, to no optimum."""


@pytest.mark.parametrize("name", CASES)
def test_glmmtmbs_optimum_is_one(name: str) -> None:
    one, reference = case(name), case(name).fits["glmmTMB_laplace"]
    layout, raw = one.model.layout, reference["par_raw"]
    sd = np.exp(raw["theta"])
    psi = layout.pack(np.array(list(reference["beta"].values())), np.array([[sd]]), raw["betad"])
    (rows,) = one.sites(1)
    at_psi = contribution(rows, one.model, psi)
    assert at_psi.value == pytest.approx(reference["logLik"], abs=1e-7)
    covariance = np.linalg.inv(-at_psi.hessian)
    se = np.sqrt(covariance.diagonal())
    left = covariance @ at_psi.gradient / se
    within = max(1e-8, 2.0 * left_over(reference))
    assert np.max(np.abs(left)) < within

    ours = [*range(layout.p), layout.size - 1, layout.p]  # TMB has beta, log phi, log sd
    if name == BOUNDARY:
        ours = ours[:-1]
    scale = np.ones(layout.size)
    scale[-1] = sd
    theirs = np.array(reference["vcov_all"]) * np.outer(scale, scale)
    theirs = theirs[: len(ours), : len(ours)]
    root = np.sqrt(theirs.diagonal())  # their second derivatives are differences of the gradient
    np.testing.assert_allclose(
        covariance[np.ix_(ours, ours)] / np.outer(root, root), theirs / np.outer(root, root), atol=1e-6
    )
