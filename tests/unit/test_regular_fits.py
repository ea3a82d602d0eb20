"""No regular fit is called separated or runs into the round limit, nothing better lies nearby; hard ones end as they should."""

from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize

from shared.errors import DataError
from shared.optimisation.state import State
from shared.parameters import ParameterLayout
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import start_contribution
from tests.reference.cases import fit
from tests.unit.generated import response

BINOMIAL, POISSON, GAUSSIAN = ("binomial", "logit"), ("poisson", "log"), ("gaussian", "identity")
SEEDS = 40

RNG = np.random.default_rng(0)
N, GROUPS = 400, 20
ONE, X1, GROUP = np.ones(N), RNG.normal(size=N), RNG.integers(0, GROUPS, N)
X = np.column_stack([ONE, X1])
EFFECT = RNG.normal(size=GROUPS)
Y = 1.0 + X1 + 0.7 * EFFECT[GROUP] + RNG.normal(size=N)


def problem(
    key: tuple[str, str],
    X: np.ndarray,
    Z: np.ndarray,
    y: np.ndarray,
    group: np.ndarray = GROUP,
    *,
    weight: float = 1.0,
    offset: float = 0.0,
    known_sd: float | None = None,
    correlated: bool = True,
) -> tuple[Rows, Model]:
    n = len(y)
    layout = ParameterLayout.of_one_term(
        tuple(f"x{j}" for j in range(X.shape[1])),
        tuple(f"z{j}" for j in range(Z.shape[1])),
        correlated=correlated,
        known_sd=known_sd,
        dispersion=REGISTRY[key].dispersion,
    )
    rows = Rows.sorted_by_group(
        X=X, Z=Z, y=y, weight=np.full(n, weight), offset=np.full(n, offset), group=group if Z.shape[1] else None
    )
    return rows, Model(layout, REGISTRY[key])


def estimate(
    key: tuple[str, str],
    X: np.ndarray,
    Z: np.ndarray,
    y: np.ndarray,
    group: np.ndarray = GROUP,
    *,
    weight: float = 1.0,
    known_sd: float | None = None,
) -> State:
    rows, model = problem(key, X, Z, y, group, weight=weight, known_sd=known_sd)
    return fit([rows], model)


def sds(state: State) -> np.ndarray:
    """Of the random effects, in their own basis."""
    return np.asarray(np.sqrt(np.sum((state.basis @ state.layout.unpack(state.psi).Lambda) ** 2, axis=1)))


def regular(q: int, seed: int) -> tuple[Rows, Model]:
    """8 to 30 groups of 5 to 25 rows, sds of 0 to 1, all families in turn, correlated or not."""
    rng = np.random.default_rng(10 * seed + q)
    groups = int(rng.integers(8, 31))
    group = np.repeat(np.arange(groups), rng.integers(5, 26, groups))
    X = np.column_stack([np.ones(len(group)), rng.normal(size=(len(group), 2))])
    effects = rng.normal(size=(groups, q)) * rng.choice([0.0, 0.2, 0.5, 1.0], q)
    eta = X @ np.array([0.3, 0.4, -0.3]) + np.sum(X[:, :q] * effects[group], axis=1)
    key = (BINOMIAL, POISSON, GAUSSIAN)[seed % 3]
    return problem(key, X, X[:, :q], response(key, eta, rng), group, correlated=bool(seed % 2))


@cache
def regular_fit(q: int, seed: int) -> State:
    rows, model = regular(q, seed)
    return fit([rows], model)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("q", [1, 2, 3])
def test_a_regular_fit_ends_at_an_optimum_within_twenty_rounds(q: int, seed: int) -> None:
    state = regular_fit(q, seed)
    assert state.ending in {"converged", "boundary"}
    assert state.round < 20


@pytest.mark.parametrize("q", [1, 2, 3])
def test_most_regular_fits_need_no_more_than_ten_rounds_and_some_lie_on_the_boundary_and_some_inside(q: int) -> None:
    states = [regular_fit(q, seed) for seed in range(SEEDS)]
    assert np.median([state.round + 1 for state in states]) <= 10
    assert {state.ending for state in states} == {"converged", "boundary"}


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("q", [1, 2, 3])
def test_general_optimisers_find_nothing_better_nearby_and_come_back_to_it(q: int, seed: int) -> None:
    """BFGS from points around it, where the gradient is not zero, and Nelder-Mead, which needs none, from the end itself."""
    (rows, model), state = regular(q, seed), regular_fit(q, seed)
    top = state.log_likelihood
    assert top is not None
    assert state.point is not None
    in_basis, scale = rows.in_basis(state.basis), 1.0 / np.sqrt(np.abs(state.point.summed.hessian.diagonal()))

    def loss(move: np.ndarray) -> tuple[float, np.ndarray]:
        summed = contribution(in_basis, model, state.psi + scale * move)
        return top - summed.value, -scale * summed.gradient

    around = np.random.default_rng(seed).normal(size=(3, model.layout.size))
    losses = [minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7}).fun for start in around]
    simplex = {"maxfev": 400, "xatol": 1e-6, "fatol": 1e-9}
    losses.append(minimize(lambda move: loss(move)[0], around[0] * 0.0, method="Nelder-Mead", options=simplex).fun)
    assert min(losses) > -1e-6
    assert min(losses[:3]) < 1e-6


@pytest.mark.parametrize("mean", [1e7, 1e8])
def test_a_large_mean_leaves_all_but_the_intercept(mean: float) -> None:
    plain, shifted = (estimate(GAUSSIAN, X, X[:, :1], Y + add) for add in (0.0, mean))
    assert (plain.ending, shifted.ending) == ("converged", "converged")
    assert shifted.round < 15
    assert shifted.psi[0] - mean == pytest.approx(plain.psi[0], abs=1e-6)
    np.testing.assert_allclose(np.abs(shifted.psi[1:]), np.abs(plain.psi[1:]), atol=1e-6)


@pytest.mark.parametrize("unit", [1e8, 1e-8])
def test_the_unit_of_the_response_scales_the_estimates_and_costs_no_round(unit: float) -> None:
    plain, scaled = (estimate(GAUSSIAN, X, X[:, :1], Y * times) for times in (1.0, unit))
    assert (scaled.ending, scaled.round) == (plain.ending, plain.round) == ("converged", plain.round)
    assert plain.round < 10
    np.testing.assert_allclose(scaled.psi[:-1], plain.psi[:-1] * unit, rtol=1e-9)
    assert scaled.psi[-1] == pytest.approx(plain.psi[-1] + np.log(unit), abs=1e-9)


@pytest.mark.parametrize("sd", [0.7, 0.7e5, 1e-3, 1e5])
def test_a_known_sd_may_be_in_any_unit(sd: float) -> None:
    unit = 1e5
    state = estimate(GAUSSIAN, X, X[:, :1], Y * unit, known_sd=sd)
    same = estimate(GAUSSIAN, X, X[:, :1], Y, known_sd=sd / unit)
    assert state.ending == same.ending == "converged"
    assert state.round <= 10
    np.testing.assert_allclose(state.psi[:2] / unit, same.psi[:2], rtol=1e-8)


def test_poisson_means_of_half_a_billion_converge() -> None:
    y = np.random.default_rng(1).poisson(np.exp(20.0 + 0.3 * X1 + 0.1 * EFFECT[GROUP])).astype(float)
    state = estimate(POISSON, X, X[:, :1], y)
    assert state.ending == "converged"
    assert state.round < 20
    assert state.psi[1] == pytest.approx(0.3, abs=1e-5)
    assert sds(state)[0] == pytest.approx(0.1 * np.std(EFFECT), rel=1e-3)


def test_binomial_sizes_of_a_billion_converge() -> None:
    y = np.random.default_rng(1).binomial(10**9, 1.0 / (1.0 + np.exp(-X1 - EFFECT[GROUP]))) / 1e9
    state = estimate(BINOMIAL, X, X[:, :1], y, weight=1e9)
    assert state.ending == "converged"
    assert state.round < 20
    assert state.psi[1] == pytest.approx(1.0, abs=1e-4)
    assert sds(state)[0] == pytest.approx(np.std(EFFECT), rel=1e-3)


def test_complete_separation_by_a_cubic_is_named() -> None:
    x = np.random.default_rng(1).normal(size=N)
    state = estimate(BINOMIAL, np.column_stack([ONE, x, x**3]), X[:, :0], (x > 0.0) * 1.0)
    assert state.outcome is not None
    assert state.outcome.kind == "separated"
    assert "x1" in state.outcome.names
    assert state.round < 25


@pytest.mark.parametrize("weight", [1.0, 1e-4])
@pytest.mark.parametrize("log_odds", [8.0, 10.0])
def test_large_log_odds_are_finite_whatever_the_weights(log_odds: float, weight: float) -> None:
    """With small weights there is never much to gain on the long way there: that does not make it separation."""
    treated = np.arange(20_000) < 10_000
    design = np.column_stack([np.ones(20_000), treated])
    y = np.where(treated, 1.0 / (1.0 + np.exp(-log_odds)), 0.5)
    state = estimate(BINOMIAL, design, design[:, :0], y, weight=weight)
    assert state.ending == "converged"
    assert state.round < 15
    np.testing.assert_allclose(state.psi, [0.0, log_odds], atol=1e-6)


@pytest.mark.parametrize("key", [BINOMIAL, GAUSSIAN])
def test_years_need_not_be_centred_for_a_correlated_slope(key: tuple[str, str]) -> None:
    rng = np.random.default_rng(0)
    year = rng.integers(2000, 2020, N).astype(float)
    eta = -0.5 + 0.05 * (year - 2010) + 0.8 * EFFECT[GROUP] + 0.05 * rng.normal(size=GROUPS)[GROUP] * (year - 2010)
    y = response(key, eta, rng)
    plain, centred = (
        estimate(key, design, design, y) for design in (np.column_stack([ONE, year - shift]) for shift in (0, 2010))
    )
    assert plain.ending == centred.ending == "converged"
    assert plain.round + 1 <= 12
    assert plain.log_likelihood == pytest.approx(centred.log_likelihood, abs=1e-7)


def test_an_offset_that_overflows_is_the_sites_fault_and_says_so() -> None:
    rows, model = problem(POISSON, X, X[:, :1], np.round(np.exp(X1)), offset=800.0)
    with pytest.raises(DataError, match="not finite") as caught:
        start_contribution(rows, model)
    assert "offset" in caught.value.where
    assert "log of an exposure" in caught.value.remedy


def test_a_first_psi_at_which_another_sites_counts_overflow_is_not_finite() -> None:
    """The slope is 10 by one site; the other's covariate is 100, and what it would expect there is exp(1010)."""
    steep = np.column_stack([np.ones(40), np.arange(40) % 2])
    far = np.column_stack([np.ones(3), np.full(3, 100.0)])
    pairs = [(steep, np.round(np.exp(10.0 * steep.sum(axis=1)))), (far, np.zeros(3))]
    problems = [problem(POISSON, design, design[:, :0], y) for design, y in pairs]
    state = fit([rows for rows, _ in problems], problems[0][1])
    assert state.outcome is not None
    assert (state.outcome.kind, state.round) == ("not_finite", 1)
    assert "offset" in state.outcome.advice


DISTANCES = np.concatenate([-np.logspace(-8, -1, 12), [0.0], np.logspace(-8, -1, 12)])


@pytest.mark.parametrize("d", DISTANCES.tolist())
def test_next_to_the_boundary_it_ends_on_the_right_side(d: float) -> None:
    """The variance between the group means is 1 + d times what the residuals alone would make of it."""
    groups, size = 20, 10
    group, rng = np.repeat(np.arange(groups), size), np.random.default_rng(3)
    residual, means = rng.normal(size=(groups, size)), rng.normal(size=groups)
    residual -= residual.mean(axis=1, keepdims=True)
    means -= means.mean()
    within = np.sum(residual**2) / (groups * (size - 1))
    means *= np.sqrt(groups * within / size / np.sum(means**2) * (1.0 + d))
    rows, model = problem(GAUSSIAN, np.ones((200, 1)), np.ones((200, 1)), (residual + means[:, None]).ravel(), group)
    state = fit([rows], model, tolerance=1e-20)
    tau = sds(state)[0]
    assert state.round < 30
    if d > 1e-6:
        assert state.ending == "converged"
        assert tau * tau * size / within == pytest.approx(d, rel=1e-6, abs=1e-9)  # balanced: known in closed form
    else:
        assert state.ending == "boundary" or tau < 1e-3


def test_a_constant_response_is_a_perfect_fit() -> None:
    state = estimate(GAUSSIAN, X, X[:, :1], 3.0 * ONE)
    assert state.outcome is not None
    assert (state.outcome.kind, state.round) == ("perfect_fit", 0)
    assert "constant" in state.outcome.advice


def test_a_response_computed_from_the_columns_is_a_perfect_fit() -> None:
    assert estimate(GAUSSIAN, X, X[:, :0], X @ np.array([2.0, -3.0])).ending == "perfect_fit"


def test_a_group_a_row_cannot_be_told_from_the_residual() -> None:
    state = estimate(GAUSSIAN, X, X[:, :1], Y, np.arange(N))
    assert state.outcome is not None
    assert state.outcome.kind == "not_identified"
    assert {"theta[z0,z0]", "log_sigma"} <= set(state.outcome.names)
    assert 0 < state.round < 20
