"""The optimiser ends where it should and says so, from sums alone, with the same bits everywhere."""

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contribution import Contribution
from shared.optimisation.arithmetic import dot, exp, ldl, log
from shared.optimisation.region import length, region_step
from shared.optimisation.start import StartContribution, add_starts, grid
from shared.optimisation.step import State, begin, step
from shared.parameters import ParameterLayout
from site_node.estimation.families import REGISTRY
from site_node.estimation.laplace import contribution
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import start_contribution
from tests.reference.cases import case, fit
from tests.unit.generated import generate

RNG = np.random.default_rng(5)
N = 400
X1 = RNG.normal(size=N)
GROUP = RNG.integers(0, 8, N)
COIN = RNG.integers(0, 2, N).astype(float)


def estimate(X, y, *, family=("binomial", "logit"), random=True, max_rounds=50) -> State:
    X = np.column_stack([np.ones(N), X])
    rows = Rows.sorted_by_group(
        X=X, Z=X[:, : int(random)], y=y, weight=np.ones(N), offset=np.zeros(N), group=GROUP if random else None
    )
    names = ("(Intercept)", *(f"x{j}" for j in range(1, X.shape[1])))
    layout = ParameterLayout(names, names[: int(random)], dispersion=REGISTRY[family].dispersion)
    model = Model(layout, REGISTRY[family])
    state = begin(layout, add_starts([start_contribution(rows, model)]), tolerance=1e-16, max_rounds=max_rounds)
    while state.ending is None:
        state = step(state, fit_contribution(rows, model, state))
    return state


def fit_contribution(rows, model, state) -> Contribution:
    return contribution(rows, model, state.psi)


@pytest.mark.parametrize("random", [False, True])
def test_complete_separation_is_named_long_before_the_round_limit(random) -> None:
    state = estimate(X1[:, None], (X1 > 0).astype(float), random=random)
    assert state.outcome is not None
    assert state.outcome.kind == "separated"
    assert "x1" in state.outcome.names
    assert state.round < 25


@pytest.mark.parametrize("random", [False, True])
def test_quasi_separation_names_the_column_that_does_it_and_no_other(random) -> None:
    treated = (X1 > 0.5).astype(float)
    state = estimate(np.column_stack([treated, RNG.normal(size=N)]), np.maximum(COIN, treated), random=random)
    assert state.outcome is not None
    assert (state.outcome.kind, state.outcome.names) == ("separated", ("x1",))
    assert "x1" in state.outcome.advice


def test_a_count_that_is_always_zero_in_one_arm_is_separation_too() -> None:
    treated = (X1 > 0.5).astype(float)
    state = estimate(treated[:, None], RNG.poisson(2.0, N) * (1.0 - treated), family=("poisson", "log"))
    assert state.outcome is not None
    assert (state.outcome.kind, state.outcome.names) == ("separated", ("x1",))


def test_collinear_columns_are_named_before_the_first_round() -> None:
    state = estimate(np.column_stack([X1, 2.0 * X1 - 1.0, RNG.normal(size=N)]), COIN)
    assert state.outcome is not None
    assert (state.outcome.kind, state.outcome.names) == ("not_identified", ("(Intercept)", "x1", "x2"))
    assert state.round == 0


def test_a_column_of_zeros_is_named() -> None:
    state = estimate(np.column_stack([X1, 0.0 * X1]), COIN)
    assert state.outcome is not None
    assert state.outcome.kind == "not_identified"
    assert state.outcome.names == ("x2",)


def test_the_round_limit_is_an_outcome() -> None:
    state = estimate(X1[:, None], COIN, max_rounds=2)
    assert state.ending == "round_limit"
    assert state.round == 2


def test_a_variance_of_zero_is_reached_exactly_and_quickly() -> None:
    y = 1.0 + X1 + RNG.normal(size=N)
    for group in range(8):
        y[group == GROUP] -= np.mean((y - 1.0 - X1)[group == GROUP])
    state = estimate(X1[:, None], y, family=("gaussian", "identity"))
    assert state.outcome is not None
    assert state.outcome.kind == "boundary"
    assert state.outcome.names == ("the sd of (Intercept) is 0",)
    assert state.psi[2] == 0.0
    assert state.round <= 9


def test_a_saddle_at_zero_is_left() -> None:
    """Started with a variance of exactly zero, where the gradient vanishes, the optimiser still finds the optimum."""
    one = case("cbpp_ri")
    found = fit(one.sites(3), one.model)
    start = add_starts([start_contribution(rows, one.model) for rows in one.sites(3)])
    state = begin(one.model.layout, start, tolerance=1e-16, max_rounds=50)
    psi = state.psi.copy()
    psi[one.model.layout.theta] = 0.0
    state = replace(state, psi=psi)
    (rows,) = one.sites(1)
    while state.ending is None:
        state = step(state, fit_contribution(rows, one.model, state))
    assert state.ending == "converged"
    np.testing.assert_allclose(np.abs(state.psi), np.abs(found.psi), rtol=1e-7)


def test_a_trial_that_lowers_the_likelihood_costs_one_round_and_the_best_point_stays() -> None:
    one = case("cbpp_ri")
    (rows,) = one.sites(1)
    state = begin(one.model.layout, add_starts([start_contribution(rows, one.model)]), tolerance=1e-16, max_rounds=50)
    state = step(state, fit_contribution(rows, one.model, state))
    before = state.point
    worthless = Contribution(-1e300, np.zeros(5), np.zeros((5, 5)))
    for losses in range(1, 4):
        refused = step(state, worthless)
        assert refused.point is before
        assert refused.round == state.round + 1 == 1 + losses
        assert refused.length <= 0.6 * state.length
        state = refused
    while state.ending is None:
        state = step(state, fit_contribution(rows, one.model, state))
    assert state.ending == "converged"


@given(seed=st.integers(0, 10**6), size=st.integers(1, 7), radius=st.sampled_from([0.01, 1.0, np.inf]))
def test_a_region_step_climbs_and_stays_inside_for_any_symmetric_matrix(seed, size, radius) -> None:
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(size, size))
    A, g, metric = A + A.T, rng.normal(size=size), rng.uniform(0.1, 3.0, size)
    s = region_step(A, g, metric, radius)
    assert length(s, metric) <= 1.1 * radius
    assert g @ s > 0.0


@given(seed=st.integers(0, 10**6), size=st.integers(1, 12))
def test_the_written_out_factorisation_solves_and_knows_definiteness(seed, size) -> None:
    rng = np.random.default_rng(seed)
    root, b = rng.normal(size=(size, size + 2)), rng.normal(size=size)
    A = root @ root.T
    factored = ldl(A, A.diagonal(), 1e-12)
    if factored.positive:
        np.testing.assert_allclose(A @ factored.solve(b), b, atol=1e-6 * np.linalg.cond(A) * np.finfo(float).eps * 1e8)
    shifted = A - np.diag(np.full(size, 2.0 * np.linalg.eigvalsh(A)[0] + 1e-3))
    definite = np.linalg.eigvalsh(shifted)[0] > 0.0
    assert ldl(shifted, np.abs(shifted.diagonal()) + 1.0, 1e-14).positive == definite


@given(st.floats(-300, 300))
def test_exponential_and_logarithm_are_correctly_rounded(x) -> None:
    assert exp(x) == pytest.approx(math.exp(x), rel=1e-15)
    assert log(exp(x)) == pytest.approx(x, abs=1e-13)


def test_dot_products_do_not_depend_on_order() -> None:
    x, y = RNG.normal(size=50), 10.0 ** RNG.uniform(-8, 8, 50)
    order = RNG.permutation(50)
    assert dot(x, y) == dot(x[order], y[order])


SCRIPT = """
import sys; sys.path.insert(0, {root!r})
from tests.unit.test_step import replayed_bits
print(replayed_bits())
"""


def replayed_bits() -> str:
    """The psi of every step on a fixed, indefinite path of sums, in hexadecimal."""
    _, model, _, _ = generate(("binomial", "logit"), (2, True, None))
    size = model.layout.size
    rng = np.random.default_rng(11)
    B = rng.integers(-8, 8, (size, size)) / 16.0
    state = begin(model.layout, add_starts([_exact_start(model)]), tolerance=1e-16, max_rounds=9)
    bits = []
    for k in range(8):
        summed = Contribution(-100.0 + k, rng.integers(-64, 64, size) / 32.0, B + B.T - np.eye(size) * (k + 1.0))
        state = step(state, summed)
        bits.append(state.psi.tobytes().hex())
    return "".join(bits)


def _exact_start(model: Model):
    """A start whose numbers are exact in binary, so that only the optimiser's own arithmetic is compared."""
    size, p = model.layout.size, model.layout.p
    quadratics = []
    for octaves in grid(model.layout):
        hessian, gradient = np.zeros((size, size)), np.zeros(size)
        hessian[:p, :p] = -(np.eye(p) * 4.0 + 0.5)
        gradient[:p] = 1.0 + np.arange(p)
        quadratics.append(Contribution(-80.0 - sum(octave * octave for octave in octaves), gradient, hessian))
    return StartContribution(tuple(quadratics), np.array([64.0, 64.0, 32.0]))


@pytest.mark.parametrize(
    "settings",
    [
        {"OPENBLAS_NUM_THREADS": "1"},
        {"OPENBLAS_CORETYPE": "Haswell"},
        {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"},
    ],
)
def test_the_step_gives_the_same_bits_under_other_kernels_and_less_simd(settings) -> None:
    root = str(Path(__file__).parents[2])
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT.format(root=root)],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == replayed_bits()
