"""The modes of random effects where Newton's own step would not do: without concavity, and at the end of a link's domain."""

import numpy as np
import pytest

from shared.parameters import ParameterLayout, Parameters
from site_node.estimation.arrow import _uphill
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.families.family import Family
from site_node.estimation.model import Model
from site_node.estimation.nesting import Nesting
from site_node.estimation.predictor import Predictor, with_modes
from site_node.estimation.rows import Rows
from tests.unit.generated import Shape, generate
from tests.unit.test_derivatives import difference

INVERSE_GAUSSIAN = REGISTRY["inverse_gaussian", "log"]


def grouped(y: np.ndarray, q: int, seed: int = 0, groups: int = 12) -> tuple[Rows, np.random.Generator]:
    rng, n = np.random.default_rng(seed), len(y)
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    group = np.sort(np.arange(n) % groups)
    return Rows.sorted_by_group(X=X, Z=X[:, :q], y=y, weight=np.ones(n), offset=np.zeros(n), group=group), rng


def at_modes(rows: Rows, parameters: Parameters, family: Family) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The modes, and the slope of g and H there."""
    (predictor,), u = with_modes(rows, Nesting(rows.outer, 0), family, parameters, map)
    l1_a, l2_aa = slopes_of(predictor, u, family, parameters.log_phi)
    return u, l1_a - u, np.eye(u.shape[1]) - l2_aa


def slopes_of(predictor: Predictor, u: np.ndarray, family: Family, log_phi: float) -> tuple[np.ndarray, np.ndarray]:
    sums, T = predictor.slopes(u, family, log_phi), predictor.T
    return sums[:, :, 0] @ T, T.T @ sums[:, :, 1:] @ T


@pytest.mark.parametrize("q", [1, 2])
@pytest.mark.parametrize("too_high", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("log_phi", [0.0, 3.0, 6.0])
def test_inverse_gaussian_modes_are_found_from_means_far_above_the_responses(
    q: int, too_high: float, log_phi: float
) -> None:
    """There l2 > 0 in nearly every row, and H is not positive definite where the search begins."""
    y = np.random.default_rng(1).wald(1.0, 2.0, 96)
    rows, _ = grouped(y, q)
    parameters = Parameters(np.array([too_high, 0.1]), 1.5 * np.eye(q), log_phi)
    (predictor,), _ = with_modes(rows, Nesting(rows.outer, 0), INVERSE_GAUSSIAN, parameters, map)
    _, l2_aa = slopes_of(predictor, np.zeros((rows.groups, q)), INVERSE_GAUSSIAN, log_phi)
    if too_high > 1.0 and log_phi > 0.0:
        assert (np.linalg.eigvalsh(np.eye(q) - l2_aa)[:, 0] < 0.0).any()
    u, g_u, H = at_modes(rows, parameters, INVERSE_GAUSSIAN)
    assert (np.linalg.eigvalsh(H)[:, 0] > 0.0).all()
    newton = np.linalg.solve(H, g_u[:, :, None])[:, :, 0]
    assert np.max(np.abs(newton)) < 1e-11 * (1.0 + np.max(np.abs(u)))


def test_without_concavity_the_contribution_still_has_exact_derivatives() -> None:
    y = np.random.default_rng(2).wald(1.0, 2.0, 96)
    rows, _ = grouped(y, 1)
    layout = ParameterLayout.of_one_term(("a", "b"), ("a",), dispersion="shape")
    model, psi = Model(layout, INVERSE_GAUSSIAN), np.array([2.5, 0.2, 1.5, 1.0])
    at_psi = contribution(rows, model, psi)
    gradient = difference(lambda x: contribution(rows, model, x).value, psi, 1e-4)
    hessian = difference(lambda x: contribution(rows, model, x).gradient, psi, 1e-4)
    np.testing.assert_allclose(at_psi.gradient, gradient, atol=1e-8 * np.max(np.abs(gradient)))
    np.testing.assert_allclose(at_psi.hessian, hessian, atol=1e-7 * np.max(np.abs(hessian)))


def test_a_positive_definite_matrix_is_left_as_it_is_and_any_other_made_so() -> None:
    H = np.array([[[2.0, 0.5], [0.5, 1.0]], [[-3.0, 0.0], [0.0, 0.2]], [[1.0, 4.0], [4.0, 1.0]]])
    made, concave = _uphill(H)
    assert concave.tolist() == [True, False, False]
    assert (made[0] == H[0]).all()
    np.testing.assert_allclose(made[1], np.diag([3.0, 1.0]))
    np.testing.assert_allclose(np.linalg.eigvalsh(made[2]), [3.0, 5.0])


@pytest.mark.parametrize(("key", "intercept"), [(("binomial", "log"), -0.2), (("gamma", "inverse"), 0.05)])
def test_a_step_that_leaves_the_domain_is_halved(key: tuple[str, str], intercept: float) -> None:
    """Close to its end, l1 of a response far from the mean would carry a full step beyond."""
    y = np.where(np.arange(96) % 8 < 7, 1.0, 0.0) if key[0] == "binomial" else np.full(96, 1.0)
    rows, _ = grouped(y, 1)
    parameters = Parameters(np.array([intercept, 0.0]), np.array([[2.0]]), 0.0)
    u, g_u, H = at_modes(rows, parameters, REGISTRY[key])
    assert np.isfinite(u).all()
    assert np.max(np.abs(g_u[:, 0] / H[:, 0, 0])) < 1e-11
    assert (np.sign(intercept) * (intercept + 2.0 * u) > 0.0).all()


@pytest.mark.parametrize("key", [key for key, family in REGISTRY.items() if family.limited])
def test_a_point_outside_the_domain_is_worthless_and_not_an_error(key: tuple[str, str]) -> None:
    for shape in (Shape(0), Shape(1)):
        rows, model, psi, _ = generate(key, shape)
        assert not contribution(rows, model, psi).is_worthless
        psi[0] = -psi[0]
        assert contribution(rows, model, psi).is_worthless
