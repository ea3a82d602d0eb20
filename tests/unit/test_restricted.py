"""The restricted likelihood and its derivatives are those of the textbook's formula, with the covariance of all rows in full."""

import math

import numpy as np
import pytest

from shared.contribution import Contribution, total
from shared.optimisation.restricted import restricted
from shared.parameters import ParameterLayout
from site_node.estimation.contribution import contribution
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from tests.unit.generated import Shape, generate
from tests.unit.test_derivatives import difference

KEY = ("gaussian", "identity")
SHAPES = [Shape(0), Shape(1), Shape(2), Shape(2, correlated=False), Shape(1, outer=1), Shape(2, outer=1)]
LOG_TWO_PI = math.log(2.0 * math.pi)


def covariance(rows: Rows, layout: ParameterLayout, psi: np.ndarray) -> np.ndarray:
    """V = sum of Z Lambda Lambda' Z' within groups, and within outer groups, and phi^2 over the weights."""
    at, q0 = layout.unpack(psi), layout.q_outer
    group = np.repeat(np.arange(rows.groups), np.diff(rows.starts))
    outer = np.repeat(np.arange(len(rows.outer) - 1), np.diff(rows.outer))[group]
    a = rows.Z[:, list(rows.effects)] @ at.Lambda
    V = np.diag(math.exp(2.0 * at.log_phi) / rows.weight)
    for columns, label in ((slice(0, q0), outer), (slice(q0, None), group)):
        V += (a[:, columns] @ a[:, columns].T) * (label[:, None] == label[None, :])
    return V


def weighted(rows: Rows, layout: ParameterLayout, psi: np.ndarray) -> float:
    """What a weight adds as it multiplies a row's log-likelihood, beside dividing its variance."""
    two_pi_phi = LOG_TWO_PI + 2.0 * layout.unpack(psi).log_phi
    return float(np.sum((two_pi_phi - np.log(rows.weight)) - rows.weight * two_pi_phi)) / 2.0


def textbook(rows: Rows, layout: ParameterLayout, psi: np.ndarray) -> float:
    """log of the normal density of y, without log |X'V^-1 X| / 2 and with p log(2 pi) / 2."""
    V = covariance(rows, layout, psi)
    residual = rows.y - rows.offset - rows.X @ psi[: layout.p]
    normal = -(rows.n * LOG_TWO_PI + np.linalg.slogdet(V).logabsdet + residual @ np.linalg.solve(V, residual)) / 2.0
    A = rows.X.T @ np.linalg.solve(V, rows.X)
    log_det = float(np.linalg.slogdet(A).logabsdet)
    return float(normal) + weighted(rows, layout, psi) - log_det / 2.0 + layout.p * LOG_TWO_PI / 2.0


def found(rows: Rows, model: Model, psi: np.ndarray) -> Contribution:
    return restricted(model.layout, psi, contribution(rows, model, psi))


def slope_or_nested(shape: Shape) -> tuple[Rows, Model, np.ndarray]:
    rows, model, psi, _ = generate(KEY, shape, n=40, p=2, groups=6, restricted=True)
    return rows, model, psi


@pytest.mark.parametrize("shape", SHAPES)
def test_value_gradient_and_hessian_are_the_textbooks(shape: Shape) -> None:
    rows, model, psi = slope_or_nested(shape)
    layout, at_psi = model.layout, found(rows, model, psi)

    def gradient(x: np.ndarray) -> np.ndarray:
        return difference(lambda z: textbook(rows, layout, z), x, 1e-2)

    assert at_psi.value == pytest.approx(textbook(rows, layout, psi), rel=1e-12)
    np.testing.assert_allclose(at_psi.gradient, gradient(psi), atol=1e-8 * np.abs(at_psi.gradient).max())
    np.testing.assert_allclose(
        at_psi.hessian, difference(gradient, psi, 2e-2), atol=1e-5 * np.abs(at_psi.hessian).max()
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_the_hessian_is_the_derivative_of_the_gradient_to_the_last_digits(shape: Shape) -> None:
    rows, model, psi = slope_or_nested(shape)
    at_psi = found(rows, model, psi)
    hessian = difference(lambda x: found(rows, model, x).gradient, psi, 2e-3)
    np.testing.assert_allclose(at_psi.hessian, hessian, atol=1e-8 * np.abs(hessian).max())


@pytest.mark.parametrize("shape", [Shape(1), Shape(2), Shape(1, outer=1)])
def test_it_holds_at_a_variance_of_zero(shape: Shape) -> None:
    rows, model, psi = slope_or_nested(shape)
    psi[model.layout.theta] = 0.0
    at_psi = found(rows, model, psi)
    assert at_psi.value == pytest.approx(textbook(rows, model.layout, psi), rel=1e-12)
    assert np.abs(at_psi.gradient[model.layout.theta]).max() < 1e-10
    hessian = difference(lambda x: found(rows, model, x).gradient, psi, 2e-3)
    np.testing.assert_allclose(at_psi.hessian, hessian, atol=1e-8 * np.abs(hessian).max())


@pytest.mark.parametrize("shape", [Shape(2), Shape(1, outer=1)])
def test_at_the_best_fixed_effects_it_is_the_likelihood_with_them_integrated_out(shape: Shape) -> None:
    """int exp(L) d beta, of a function that is quadratic in beta: its maximum, and the determinant of its curvature."""
    rows, model, psi = slope_or_nested(shape)
    layout = model.layout
    V = covariance(rows, layout, psi)
    X, y = rows.X, rows.y - rows.offset
    beta = np.linalg.solve(X.T @ np.linalg.solve(V, X), X.T @ np.linalg.solve(V, y))
    psi[: layout.p] = beta
    at_psi = found(rows, model, psi)
    assert np.abs(at_psi.gradient[: layout.p]).max() < 1e-9
    error = y - X @ beta
    A = X.T @ np.linalg.solve(V, X)
    dets = np.linalg.slogdet(V).logabsdet + np.linalg.slogdet(A).logabsdet
    lme4s = -((rows.n - layout.p) * LOG_TWO_PI + dets + error @ np.linalg.solve(V, error)) / 2.0
    assert at_psi.value == pytest.approx(lme4s + weighted(rows, layout, psi), rel=1e-12)


@pytest.mark.parametrize("shape", [Shape(2), Shape(1, outer=1)])
def test_it_is_made_of_the_sum_of_the_sites_and_is_no_sum_of_theirs(shape: Shape) -> None:
    rows, model, psi = slope_or_nested(shape)
    parts = [rows.select_outer(0, 1), rows.select_outer(1, len(rows.outer) - 1)]
    summed = restricted(model.layout, psi, total([contribution(part, model, psi) for part in parts]))
    whole = found(rows, model, psi)
    assert summed.value == pytest.approx(whole.value, rel=1e-12)
    np.testing.assert_allclose(summed.gradient, whole.gradient, atol=1e-11 * np.abs(whole.gradient).max())
    np.testing.assert_allclose(summed.hessian, whole.hessian, atol=1e-11 * np.abs(whole.hessian).max())
    assert abs(sum(found(part, model, psi).value for part in parts) - whole.value) > 0.1


def test_without_an_information_or_a_curvature_it_is_worthless() -> None:
    rows, model, psi = slope_or_nested(Shape(1))
    summed = contribution(rows, model, psi)
    lacking = Contribution(summed.value, summed.gradient, summed.hessian)
    flat = Contribution(summed.value, summed.gradient, 0.0 * summed.hessian, summed.information)
    for one in (lacking, flat):
        assert restricted(model.layout, psi, one).is_worthless
