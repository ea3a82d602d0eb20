"""Groups inside outer groups: the elimination gives what the whole, dense Hessian gives, and so do restricted likelihoods."""

import numpy as np
import pytest

from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.nesting import Nesting
from site_node.estimation.rows import Rows
from site_node.estimation.slab import at_mode
from tests.unit.generated import SHAPES, Shape, generate
from tests.unit.test_derivatives import difference

NESTED = [shape for shape in SHAPES if shape.outer]


def dense(rows: Rows, model: Model, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns of all effects of all groups, each row's a, and all modes stacked, by plain Newton."""
    layout, family = model.layout, model.family
    at, q0 = layout.unpack(psi), layout.q_outer
    group = np.repeat(np.arange(rows.groups), np.diff(rows.starts))
    outer = np.repeat(np.arange(len(rows.outer) - 1), np.diff(rows.outer))[group]
    a = rows.Z[:, list(rows.effects)] @ at.Lambda
    A = np.zeros((rows.n, (len(rows.outer) - 1) * q0 + rows.groups * (layout.q - q0)))
    for j in range(rows.n):
        A[j, outer[j] * q0 : (outer[j] + 1) * q0] = a[j, :q0]
        first = (len(rows.outer) - 1) * q0 + group[j] * (layout.q - q0)
        A[j, first : first + layout.q - q0] = a[j, q0:]
    u = np.zeros(A.shape[1])
    for _ in range(100):
        eta = rows.offset + rows.X @ at.beta + A @ u
        l1, l2 = family.derivatives(rows.y, rows.weight, eta, at.log_phi, 2)
        step = np.linalg.solve(np.eye(len(u)) - A.T @ (l2[:, None] * A), A.T @ l1 - u)
        u += step / max(1.0, np.abs(step).max())
    return A, u


@pytest.mark.parametrize("key", REGISTRY)
@pytest.mark.parametrize("shape", NESTED)
def test_the_value_is_that_of_the_dense_hessian_of_all_effects_at_once(key: tuple[str, str], shape: Shape) -> None:
    rows, model, psi, _ = generate(key, shape)
    A, u = dense(rows, model, psi)
    at = model.layout.unpack(psi)
    eta = rows.offset + rows.X @ at.beta + A @ u
    l = model.family.log_likelihood(rows.y, rows.weight, eta, at.log_phi)
    _, l2 = model.family.derivatives(rows.y, rows.weight, eta, at.log_phi, 2)
    H = np.eye(len(u)) - A.T @ (l2[:, None] * A)
    value = model.family.constant(rows.y, rows.weight) + l.sum() - u @ u / 2 - np.linalg.slogdet(H).logabsdet / 2
    assert contribution(rows, model, psi).value == pytest.approx(value, rel=1e-13)
    slab = at_mode(rows, model, at)
    own = Nesting(rows.outer, model.layout.q_outer).once(slab.u)
    assert np.sum(own**2) == pytest.approx(u @ u, rel=1e-12)
    assert slab.arrow.log_det == pytest.approx(np.linalg.slogdet(H).logabsdet, rel=1e-12)


def information(rows: Rows, model: Model, psi: np.ndarray) -> np.ndarray:
    return -contribution(rows, model, psi).hessian[: model.layout.p, : model.layout.p]


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.known_sd is None and shape.points == 1])
def test_a_restricted_likelihood_gets_the_exact_derivatives_of_the_information(shape: Shape) -> None:
    rows, model, psi, _ = generate(("gaussian", "identity"), shape, restricted=True)
    t = len(model.layout.theta_entries)
    found = contribution(rows, model, psi).information
    assert found is not None
    first, second = found[:t], found[t:]
    slope = difference(lambda x: information(rows, model, x), psi, 4e-3)[..., model.layout.theta]
    np.testing.assert_allclose(
        first, np.moveaxis(slope, -1, 0).reshape(first.shape), atol=1e-8 * np.abs(slope).max(initial=1)
    )

    def slopes(x: np.ndarray) -> np.ndarray:
        found = contribution(rows, model, x).information
        assert found is not None
        return found[:t]

    bend = difference(slopes, psi, 4e-3)[..., model.layout.theta]
    expected = [bend[k, :, :, l] for k in range(t) for l in range(k + 1)]
    np.testing.assert_allclose(
        second, np.array(expected).reshape(second.shape), atol=1e-8 * np.abs(bend).max(initial=1)
    )
