"""Every gradient and Hessian is exact: it equals a sixth-order difference, for every family in the registry."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike

from shared.contribution import Contribution
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from tests.unit.generated import MODELS, SHAPES, Shape, generate, predictors, response

STEPS = np.array([-3, -2, -1, 1, 2, 3])
WEIGHTS = np.array([-1, 9, -45, 45, -9, 1]) / 60
OfVector = Callable[[np.ndarray], ArrayLike]
STEP = 1e-4
"""In psi: small enough for a family whose modes move by large powers of it, large enough for rounding."""


def slope(function: OfVector, at: np.ndarray, direction: np.ndarray, h: float) -> np.ndarray:
    """The derivative of a function of a vector in a direction."""
    moved = (w * np.asarray(function(at + s * h * direction)) for s, w in zip(STEPS, WEIGHTS, strict=True))
    return np.asarray(sum(moved) / h)


def difference(function: OfVector, at: np.ndarray, h: float) -> np.ndarray:
    """The derivative of a function of a vector, the last axis along its entries."""
    return np.stack([slope(function, at, unit, h) for unit in np.eye(len(at))], axis=-1)


def value_and_gradient(at: Contribution) -> np.ndarray:
    return np.concatenate([[at.value], at.gradient])


@pytest.mark.parametrize(("key", "shape"), MODELS)
def test_gradient_and_hessian_of_the_contribution_are_exact(key: tuple[str, str], shape: Shape) -> None:
    rows, model, psi, _ = generate(key, shape, seed=MODELS.index((key, shape)) % 2)
    at_psi = contribution(rows, model, psi, shape.points)
    gradient, *hessian = difference(lambda x: value_and_gradient(contribution(rows, model, x, shape.points)), psi, STEP)
    assert np.max(np.abs(at_psi.gradient - gradient)) < 1e-9 * np.max(np.abs(gradient))
    assert np.max(np.abs(at_psi.hessian - hessian)) < 1e-8 * np.max(np.abs(hessian))


@pytest.mark.parametrize("key", REGISTRY)
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.q > 0 and shape.known_sd is None])
def test_derivatives_hold_at_tau_zero_and_at_negative_tau(key: tuple[str, str], shape: Shape) -> None:
    """Along two directions in which every entry of psi moves, so that every entry of the Hessian counts."""
    rows, model, psi, _ = generate(key, shape)
    layout = model.layout
    directions = np.random.default_rng(5).choice([-1.0, 1.0], (2, layout.size))
    for theta in (0.0, -0.4):
        psi[layout.theta] = theta
        hessian = contribution(rows, model, psi, shape.points).hessian
        for direction in directions:
            moved = slope(lambda x: contribution(rows, model, x, shape.points).gradient, psi, direction, STEP)
            assert np.max(np.abs(hessian @ direction - moved)) < 1e-8 * np.max(np.abs(hessian))
    psi[layout.theta] = 0.0
    assert np.max(np.abs(contribution(rows, model, psi, shape.points).gradient[layout.theta])) < 1e-12


@pytest.mark.parametrize("key", REGISTRY)
def test_every_family_knows_its_own_derivatives_to_fourth_order(key: tuple[str, str]) -> None:
    rng, family = np.random.default_rng(3), REGISTRY[key]
    eta, weight, log_phi = predictors(key, rng.normal(scale=2.0, size=40)), rng.uniform(0.5, 3.0, 40), 0.3
    y = response(key, eta, rng)

    def derivative(order: int) -> Callable[[np.ndarray], np.ndarray]:
        def of(x: np.ndarray) -> np.ndarray:
            return [family.log_likelihood(y, weight, x, log_phi), *family.derivatives(y, weight, x, log_phi, 4)][order]

        return of

    for order in range(4):
        moved = slope(derivative(order), eta, np.ones(len(eta)), 1e-2)
        within = 1e-9 * (1.0 + np.max(np.abs(derivative(order)(eta))))
        np.testing.assert_allclose(derivative(order + 1)(eta), moved, atol=within)


@pytest.mark.parametrize("key", [key for key, family in REGISTRY.items() if family.dispersion])
def test_every_dispersion_knows_its_own_derivatives(key: tuple[str, str]) -> None:
    rng, family = np.random.default_rng(3), REGISTRY[key]
    eta, weight, log_phi = predictors(key, rng.normal(size=40)), rng.uniform(0.5, 3.0, 40), 0.3
    y = response(key, eta, rng)
    dots = family.dispersion_derivatives(y, weight, eta, log_phi)

    def in_log_phi(of: Callable[[float], np.ndarray]) -> np.ndarray:
        return slope(lambda x: of(x[0]), np.array([log_phi]), np.ones(1), 1e-2)

    def derivative(order: int) -> Callable[[float], np.ndarray]:
        return lambda x: family.derivatives(y, weight, eta, x, 4)[order]

    def dot_at(name: str) -> Callable[[float], np.ndarray]:
        return lambda x: np.asarray(getattr(family.dispersion_derivatives(y, weight, eta, x), name))

    np.testing.assert_allclose(dots.l_d, in_log_phi(lambda x: family.log_likelihood(y, weight, eta, x)), atol=1e-8)
    for order, dot in enumerate([dots.l1_d, dots.l2_d, dots.l3_d]):
        np.testing.assert_allclose(dot, in_log_phi(derivative(order)), atol=1e-8)
    for first, second in [("l_d", "l_dd"), ("l1_d", "l1_dd"), ("l2_d", "l2_dd")]:
        np.testing.assert_allclose(getattr(dots, second), in_log_phi(dot_at(first)), atol=1e-8)


@pytest.mark.parametrize("eta", [-700.0, 700.0])
def test_the_logit_does_not_overflow(eta: float) -> None:
    for y in (0.0, 1.0):
        family, row = REGISTRY["binomial", "logit"], (np.array([y]), np.ones(1), np.array([eta]), 0.0)
        assert np.isfinite(family.derivatives(*row, 4)).all()
        assert abs(family.log_likelihood(*row)[0] - (0.0 if (y == 1.0) == (eta > 0.0) else -700.0)) < 1e-300


def test_a_point_where_the_likelihood_overflows_is_worthless_and_not_an_error() -> None:
    rows, model, psi, _ = generate(("poisson", "log"), Shape(1))
    psi[0] = 1e5
    at_psi = contribution(rows, model, psi)
    assert at_psi.is_worthless
    assert not at_psi.gradient.any()
