"""The pieces of the likelihood, before the estimates: what test_accuracy.py holds would not be right if these were wrong."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from site_node.estimation.slab import at_mode
from tests.reference.cases import case, fit, names
from tests.reference.compare import BOUNDARY, fitted, flat, left_over
from tests.unit.test_derivatives import difference

SCALAR = [
    name
    for name in names()
    if "glmmTMB_laplace" in case(name).fits and case(name).model.layout.q == 1 and name not in BOUNDARY
]
GAUSSIAN = [name for name in names() if "sleepstudy_lmm" in name]


@pytest.mark.parametrize("name", SCALAR)
def test_log_determinant_and_squared_length_are_those_of_glmmtmb(name: str) -> None:
    """Modes move with psi, by less relative to the largest than psi moves in standard errors: so this end is the optimum's."""
    one, reference = case(name), case(name).fits["glmmTMB_laplace"]
    (rows,) = one.sites(1)
    state = fit([rows], one.model, tolerance=1e-20)  # within 1.4e-10 standard errors
    theirs, theirs_sd = flat(reference["blup_flat"]), flat(reference["blup_cond_sd_flat"])
    within = max(1e-9, left_over(reference))
    tau = float(flat(reference["random_effects"]["sd"])[0])
    slabs = [at_mode(part, one.model, one.model.layout.unpack(state.psi)) for part in rows.slabs()]
    squared_length = sum(float(np.sum(slab.u**2)) for slab in slabs)
    log_determinant = sum(slab.arrow.log_det for slab in slabs)
    assert squared_length == pytest.approx(float(np.sum((theirs / tau) ** 2)), rel=within)
    assert log_determinant == pytest.approx(float(np.sum(2 * np.log(tau / theirs_sd))), rel=within)


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("name", GAUSSIAN)
def test_gaussian_errors_of_sds_correlations_and_sigma_are_the_observed_informations(
    name: str, restricted: bool
) -> None:
    """No reference file holds them: so from the textbook's marginal density, differenced in the reported numbers themselves."""
    one = case(name)
    found = fitted(name, "REML" if restricted else "Laplace")
    values, errors = (np.array(column) for column in zip(*found.quantities.values(), strict=True))
    beta, q = found.beta, one.model.layout.q
    center, scale = np.concatenate([beta, values]), np.concatenate([found.errors[: len(beta)], errors])
    chosen = [one.group == label for label in np.unique(one.group)]
    (Z, *others), X, y = (np.stack([part[k] for k in chosen]) for part in (one.Z, one.X, one.y))
    assert all(np.array_equal(Z, other) for other in others), "the design is balanced: one covariance for all groups"

    def log_density(move: np.ndarray) -> float:
        b, sd, rest = np.split(center + scale * move, [len(beta), len(beta) + q])
        Sigma = np.diag(sd * sd)
        if len(rest) > 1:
            Sigma[0, 1] = Sigma[1, 0] = rest[0] * sd[0] * sd[1]
        V = Z @ Sigma @ Z.T + rest[-1] ** 2 * np.eye(len(Z))
        value = np.sum(multivariate_normal.logpdf(y - X @ b, cov=V))
        information = np.sum(X.transpose(0, 2, 1) @ np.linalg.solve(V, X), axis=0)
        correction = len(b) * np.log(2.0 * np.pi) / 2.0 - np.linalg.slogdet(information).logabsdet / 2.0
        return float(value + correction * restricted)

    assert log_density(0.0 * center) == pytest.approx(found.state.log_likelihood, abs=1e-9)
    at = np.zeros(len(center))
    information = -difference(lambda x: difference(log_density, x, 0.05), at, 0.05)
    np.testing.assert_allclose(np.sqrt(np.linalg.inv(information).diagonal()), 1.0, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(BOUNDARY))
def test_on_the_boundary_the_estimates_are_those_of_glm(name: str) -> None:
    found = fitted(name)
    glm = flat(list(case(name).fits["glm_no_random_effects"]["beta"].values()))
    assert found.state.ending == "boundary"
    assert np.max(np.abs(found.beta - glm) / found.errors[: len(glm)]) < 1e-7
