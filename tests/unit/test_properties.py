"""What must hold of every family, link, shape of random effects and number of nodes, whatever the data."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import solve_triangular
from scipy.stats import multivariate_normal

from shared.contribution import Contribution, total
from shared.optimisation.state import State
from shared.parameters import ParameterLayout
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.laplace import laplace
from site_node.estimation.model import Model
from site_node.estimation.quadrature import quadrature
from site_node.estimation.rows import Rows
from site_node.estimation.slab import at_mode
from tests.reference.cases import fit
from tests.unit.generated import INSIDE, MODELS, SHAPES, Shape, generate, typical

GAUSSIAN = ("gaussian", "identity")
ESTIMATED = [(key, shape) for key, shape in MODELS if shape.q and shape.known_sd is None]


def assert_alike(one: Contribution, other: Contribution, within: float = 1e-11) -> None:
    """Beside the largest entry."""
    assert not one.is_worthless
    assert one.value == pytest.approx(other.value, rel=within)
    np.testing.assert_allclose(one.gradient, other.gradient, rtol=0, atol=within * np.abs(other.hessian).max())
    np.testing.assert_allclose(one.hessian, other.hessian, rtol=0, atol=within * np.abs(other.hessian).max())


def taken(rows: Rows, which: np.ndarray) -> Rows:
    """Rows by number, sorted, any of them more than once."""
    counts = [int(np.sum((which >= a) & (which < b))) for a, b in zip(rows.starts, rows.starts[1:], strict=False)]
    starts = np.concatenate([[0], np.cumsum(counts)])
    some = (rows.X[which], np.asfortranarray(rows.Z[which]), rows.y[which], rows.weight[which], rows.offset[which])
    return Rows(*some, starts, rows.outer, rows.effects)


@pytest.mark.parametrize(("key", "shape"), MODELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_an_outer_group_among_others_is_what_it_is_alone(key: tuple[str, str], shape: Shape, seed: int) -> None:
    """However hard it is to find the modes of some: with large variances their first steps end far off."""
    rows, model, psi, _ = generate(key, shape, seed=seed)
    psi[model.layout.theta] *= 5.0
    psi[model.layout.p + len(model.layout.theta_entries) :] += 2.0
    whole = contribution(rows, model, psi, shape.points)
    outer = [rows.select_outer(o, o + 1) for o in range(len(rows.outer) - 1)]
    alone = [contribution(one, model, psi, shape.points) for one in outer]
    assert whole.is_worthless == any(one.is_worthless for one in alone)
    if not whole.is_worthless:
        assert total(alone).value == pytest.approx(whole.value, rel=1e-12)


@pytest.mark.parametrize(("key", "shape"), MODELS)
def test_a_weight_of_two_is_a_row_that_is_there_twice(key: tuple[str, str], shape: Shape) -> None:
    rows, model, psi, _ = generate(key, shape)
    twice = np.random.default_rng(5).random(rows.n) < 0.4
    doubled = taken(rows, np.sort(np.concatenate([np.arange(rows.n), np.flatnonzero(twice)])))
    weighted = replace(rows, weight=rows.weight * (1.0 + twice))
    assert doubled.n > rows.n
    assert_alike(contribution(weighted, model, psi, shape.points), contribution(doubled, model, psi, shape.points))


@pytest.mark.parametrize(("key", "shape"), MODELS)
def test_other_units_and_origins_of_the_columns_are_another_name_of_the_same_point(
    key: tuple[str, str], shape: Shape
) -> None:
    rows, model, psi, _ = generate(key, shape)
    A = np.array([[1.0, 3.0, -2.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) * np.array([1.0, 1e-8, 1e8])
    J = np.eye(len(psi))
    J[:3, :3] = A
    renamed = contribution(replace(rows, X=rows.X @ A), model, np.linalg.solve(J, psi), shape.points)
    plain = contribution(rows, model, psi, shape.points)
    back = np.linalg.inv(J)
    gradient, hessian = back.T @ renamed.gradient, back.T @ renamed.hessian @ back
    assert_alike(Contribution(renamed.value, gradient, (hessian + hessian.T) / 2), plain, within=1e-10)


@pytest.mark.parametrize(("key", "shape"), ESTIMATED)
def test_a_correlated_term_means_the_same_in_any_basis_and_any_other_in_any_units(
    key: tuple[str, str], shape: Shape
) -> None:
    rows, model, psi, _ = generate(key, shape)
    layout, q = model.layout, model.layout.q
    at, B = layout.unpack(psi), np.zeros((q, q))
    for term, block in layout.blocks:
        rng = np.random.default_rng(9)
        own = rng.normal(size=(term.size, term.size))
        B[block, block] = own if term.correlated else np.diag(np.diag(own) * 10.0 ** np.arange(term.size))
    covariance = np.linalg.solve(B, at.Lambda) @ np.linalg.solve(B, at.Lambda).T
    mapped = layout.pack(at.beta, np.linalg.cholesky(covariance), at.log_phi)
    other = contribution(rows.in_basis(B), model, mapped, shape.points)
    one = contribution(rows, model, psi, shape.points)
    keep = [k for k in range(layout.size) if not layout.p <= k < layout.theta.stop]
    assert other.value == pytest.approx(one.value, rel=1e-11)
    scale = np.abs(one.hessian).max()
    np.testing.assert_allclose(other.gradient[keep], one.gradient[keep], rtol=0, atol=1e-11 * scale)
    np.testing.assert_allclose(other.hessian[keep][:, keep], one.hessian[keep][:, keep], rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize(("key", "shape"), ESTIMATED)
def test_a_column_of_lambda_may_have_either_sign(key: tuple[str, str], shape: Shape) -> None:
    rows, model, psi, _ = generate(key, shape)
    layout = model.layout
    for b in range(layout.q):
        sign = np.ones(layout.size)
        sign[[layout.p + k for k, (_, column) in enumerate(layout.theta_entries) if column == b]] = -1.0
        one, other = (contribution(rows, model, x, shape.points) for x in (psi, sign * psi))
        turned = Contribution(other.value, sign * other.gradient, sign[:, None] * other.hessian * sign)
        assert_alike(turned, one, within=1e-12)


@pytest.mark.parametrize(("key", "shape"), ESTIMATED)
def test_with_a_variance_of_zero_it_is_the_model_without_random_effects(key: tuple[str, str], shape: Shape) -> None:
    rows, model, psi, _ = generate(key, shape)
    layout = model.layout
    psi[layout.theta] = 0.0
    keep = [k for k in range(layout.size) if not layout.p <= k < layout.theta.stop]
    with_zero = contribution(rows, model, psi, shape.points)
    nothing = Model(ParameterLayout(layout.fixed, dispersion=layout.dispersion), model.family)
    plain_rows = replace(rows, Z=rows.Z[:, :0], effects=(), starts=np.array([0, rows.n]), outer=np.array([0, 1]))
    plain = contribution(plain_rows, nothing, psi[keep])
    assert not with_zero.gradient[layout.theta].any()
    assert_alike(
        Contribution(with_zero.value, with_zero.gradient[keep], with_zero.hessian[np.ix_(keep, keep)]), plain, 1e-12
    )


@pytest.mark.parametrize("key", REGISTRY)
@pytest.mark.parametrize("known_sd", [None, 0.7])
def test_one_node_is_laplace(key: tuple[str, str], known_sd: float | None) -> None:
    rows, model, psi, _ = generate(key, Shape(1, known_sd=known_sd))
    slab = at_mode(rows, model, model.layout.unpack(psi))
    one, other = quadrature(slab, 1), laplace(slab)
    assert one.value == pytest.approx(other.value, rel=1e-13)
    np.testing.assert_allclose(one.gradient, other.gradient, rtol=0, atol=1e-12 * np.abs(other.hessian).max())
    np.testing.assert_allclose(one.hessian, other.hessian, rtol=0, atol=1e-12 * np.abs(other.hessian).max())


@pytest.mark.parametrize("points", [2, 3, 10])
def test_of_a_gaussian_model_any_number_of_nodes_is_exact(points: int) -> None:
    rows, model, psi, _ = generate(GAUSSIAN, Shape(1))
    assert_alike(contribution(rows, model, psi, points), contribution(rows, model, psi), within=1e-11)


def integral(rows: Rows, model: Model, psi: np.ndarray) -> float:
    """The log of a single group's likelihood, by scipy's adaptive quadrature."""
    at, u = model.layout.unpack(psi), at_mode(rows, model, model.layout.unpack(psi)).u[0, 0]

    def log_joint(t: float) -> float:
        eta = rows.offset + rows.X @ at.beta + rows.Z[:, 0] * at.Lambda[0, 0] * t
        l = model.family.log_likelihood(rows.y, rows.weight, eta, at.log_phi)
        return float(np.sum(l)) - t * t / 2.0

    top = log_joint(u)
    ends = ((u - 12.0, u), (u, u + 12.0))
    parts = [quad(lambda t: np.exp(log_joint(t) - top), *end, epsabs=0.0, epsrel=1e-10, limit=400)[0] for end in ends]
    return model.family.constant(rows.y, rows.weight) + top + float(np.log(sum(parts) / np.sqrt(2.0 * np.pi)))


@pytest.mark.parametrize("key", [key for key in REGISTRY if key not in INSIDE])
def test_more_nodes_come_closer_to_the_integral(key: tuple[str, str]) -> None:
    rows, model, psi, _ = generate(key, Shape(1), n=12, groups=4)
    psi[model.layout.theta] = 0.8
    truth = sum(integral(rows.select_outer(g, g + 1), model, psi) for g in range(4))
    errors = [abs(contribution(rows, model, psi, points).value - truth) for points in (1, 5, 15, 100)]
    assert errors[3] < 1e-9
    if key != GAUSSIAN:
        assert errors[0] > errors[1] > errors[2] > errors[3]


@pytest.mark.parametrize("key", INSIDE)
def test_more_nodes_come_closer_to_the_integral_up_to_the_end_of_a_domain(key: tuple[str, str]) -> None:
    """The end lies more than eight standard deviations off."""
    rows, model, psi, _ = generate(key, Shape(1), n=12, groups=4)
    psi[model.layout.theta] = 0.7
    truth = sum(integral(rows.select_outer(g, g + 1), model, psi) for g in range(4))
    errors = [abs(contribution(rows, model, psi, points).value - truth) for points in (1, 3, 15)]
    assert errors[2] < 1e-8
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.points == 1])
def test_of_a_gaussian_model_laplace_is_the_density_of_the_multivariate_normal(shape: Shape) -> None:
    rows, model, psi, _ = generate(GAUSSIAN, shape)
    rows, at, q0 = replace(rows, weight=np.ones(rows.n)), model.layout.unpack(psi), model.layout.q_outer
    group = np.repeat(np.arange(rows.groups), np.diff(rows.starts))
    outer = np.repeat(np.arange(len(rows.outer) - 1), np.diff(rows.outer))[group]
    a = rows.Z[:, list(rows.effects)] @ at.Lambda
    V = np.exp(2.0 * at.log_phi) * np.eye(rows.n)
    V += (a[:, :q0] @ a[:, :q0].T) * (outer[:, None] == outer) + (a[:, q0:] @ a[:, q0:].T) * (group[:, None] == group)
    mean = rows.offset + rows.X @ at.beta
    assert contribution(rows, model, psi).value == pytest.approx(multivariate_normal.logpdf(rows.y, mean, V), rel=1e-12)
    half = solve_triangular(np.linalg.cholesky(V), np.column_stack([rows.X, rows.y - mean]), lower=True)
    at_psi = contribution(rows, model, psi)
    np.testing.assert_allclose(at_psi.gradient[:3], half[:, :3].T @ half[:, 3], rtol=1e-9)
    np.testing.assert_allclose(at_psi.hessian[:3, :3], -half[:, :3].T @ half[:, :3], rtol=1e-9, atol=1e-9)


def optimum(rows: Rows, model: Model) -> State:
    state = fit([rows], model)
    assert state.ending == "converged"
    return state


@pytest.mark.parametrize("key", REGISTRY)
def test_a_fit_follows_the_units_and_origins_of_its_columns(key: tuple[str, str]) -> None:
    rows, model = typical(key)
    A = np.array([[1.0, 2e8, -3e-8], [0.0, 1e8, 0.0], [0.0, 0.0, 1e-8]])
    plain, other = optimum(rows, model), optimum(replace(rows, X=rows.X @ A), model)
    assert other.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-9)
    J = np.eye(model.layout.size)
    J[:3, :3] = A
    assert plain.point is not None
    error = np.sqrt(np.linalg.inv(-plain.point.summed.hessian).diagonal())
    np.testing.assert_array_less(np.abs(np.abs(J @ other.psi) - np.abs(plain.psi)) / error, 1e-6)


@pytest.mark.parametrize("key", REGISTRY)
@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_the_sd_of_a_random_effect_follows_the_unit_of_its_column(key: tuple[str, str], unit: float) -> None:
    rows, model = typical(key)
    plain, other = optimum(rows, model), optimum(replace(rows, Z=rows.Z * unit), model)
    assert other.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-9)
    theta = model.layout.theta
    assert abs((other.basis @ [other.psi[theta][0]])[0]) * unit == pytest.approx(
        abs((plain.basis @ [plain.psi[theta][0]])[0]), rel=1e-6
    )


@pytest.mark.parametrize("key", [("binomial", "logit"), ("poisson", "log"), GAUSSIAN])
def test_a_correlated_term_is_estimated_alike_in_any_basis(key: tuple[str, str]) -> None:
    rows, model, _, _ = generate(key, Shape(2), n=900, groups=60, seed=3)
    B = np.array([[2.0, 30.0], [-0.5, 1e-2]])
    plain, other = optimum(rows, model), optimum(replace(rows, Z=np.asfortranarray(rows.Z @ B)), model)
    assert other.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-9)
    factors = [state.basis @ model.layout.unpack(state.psi).Lambda for state in (plain, other)]
    one, two = factors[0] @ factors[0].T, B @ factors[1] @ factors[1].T @ B.T
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-6 * np.abs(one).max())
