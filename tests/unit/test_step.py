"""The optimiser ends where it should and says so, from sums alone, with the same bits everywhere."""

import ast
import hashlib
import math
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Context, Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contribution import Contribution, worthless
from shared.optimisation.arithmetic import BLOCK, dot, exp, ldl, log
from shared.optimisation.bend import Bend
from shared.optimisation.region import length, region_step
from shared.optimisation.start import StartContribution, add_starts, grid
from shared.optimisation.state import State
from shared.optimisation.step import AT_REST, begin, step
from shared.parameters import ParameterLayout
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.start import start_contribution
from tests.reference.cases import Case, case, fit

OPTIMISATION = Path(__file__).parents[2] / "shared" / "optimisation"
RNG = np.random.default_rng(5)
N = 400
X1 = RNG.normal(size=N)
GROUP = RNG.integers(0, 8, N)
COIN = RNG.integers(0, 2, N).astype(float)


def estimate(
    X: np.ndarray,
    y: np.ndarray,
    *,
    family: tuple[str, str] = ("binomial", "logit"),
    random: bool = True,
    max_rounds: int = 50,
) -> State:
    X = np.column_stack([np.ones(N), X])
    rows = Rows.sorted_by_group(
        X=X, Z=X[:, : int(random)], y=y, weight=np.ones(N), offset=np.zeros(N), group=GROUP if random else None
    )
    names = ("(Intercept)", *(f"x{j}" for j in range(1, X.shape[1])))
    layout = ParameterLayout.of_one_term(names, names[: int(random)], dispersion=REGISTRY[family].dispersion)
    model = Model(layout, REGISTRY[family])
    state = begin(layout, add_starts([start_contribution(rows, model)]), tolerance=1e-16, max_rounds=max_rounds)
    while state.ending is None:
        state = step(state, fit_contribution(rows, model, state))
    return state


def fit_contribution(rows: Rows, model: Model, state: State) -> Contribution:
    return contribution(rows.in_basis(state.basis), model, state.psi)


@pytest.mark.parametrize("random", [False, True])
def test_complete_separation_is_named_long_before_the_round_limit(random: bool) -> None:
    state = estimate(X1[:, None], (X1 > 0).astype(float), random=random)
    assert state.outcome is not None
    assert state.outcome.kind == "separated"
    assert "x1" in state.outcome.names
    assert state.round < 25


@pytest.mark.parametrize("random", [False, True])
def test_quasi_separation_names_the_column_that_does_it_and_no_other(random: bool) -> None:
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


def at_zero_variances(one: Case) -> State:
    """A start with variances of exactly zero, where the gradient vanishes."""
    start = add_starts([start_contribution(rows, one.model) for rows in one.sites(3)])
    state = begin(one.model.layout, start, tolerance=1e-16, max_rounds=50)
    psi = state.psi.copy()
    psi[one.model.layout.theta] = 0.0
    return replace(state, psi=psi)


def test_a_saddle_at_zero_is_left() -> None:
    one = case("cbpp_ri")
    found = fit(one.sites(3), one.model)
    state, (rows,) = at_zero_variances(one), one.sites(1)
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
    loss = worthless(ParameterLayout(tuple("abcde")))
    for losses in range(1, 4):
        refused = step(state, loss)
        assert refused.point is before
        assert refused.round == state.round + 1 == 1 + losses
        assert refused.radius < state.radius
        state = refused
    while state.ending is None:
        state = step(state, fit_contribution(rows, one.model, state))
    assert state.ending == "converged"


@pytest.mark.parametrize("losses", [1, 2, 3])
def test_trials_without_a_log_likelihood_and_the_short_ones_after_them_are_not_taken_for_rest(losses: int) -> None:
    """At rest, within 1e-8 of the top, rounding would end the fit; here it is that nothing was told."""
    one = case("cbpp_ri")
    (rows,) = one.sites(1)
    loss = worthless(one.model.layout)
    state = begin(one.model.layout, add_starts([start_contribution(rows, one.model)]), tolerance=1e-16, max_rounds=50)
    while state.decrement is None or state.decrement > AT_REST:
        state = step(state, fit_contribution(rows, one.model, state))
    assert 1e-16 < state.decrement <= AT_REST
    for _ in range(losses):
        state = step(state, loss)
        assert state.ending is None
    while state.ending is None:
        state = step(state, fit_contribution(rows, one.model, state))
    assert state.ending == "converged"
    assert state.decrement is not None
    assert state.decrement <= 1e-16


def test_where_nothing_is_told_however_short_the_trial_a_variance_of_zero_is_not_the_end() -> None:
    """At zero variances, off which L rises: the pushes have no log-likelihood, and that does not make an optimum of it."""
    one = case("cbpp_ri")
    state, (rows,) = at_zero_variances(one), one.sites(1)
    while state.ending is None:
        at_zero = not state.psi[one.model.layout.theta].any()
        state = step(state, fit_contribution(rows, one.model, state) if at_zero else worthless(one.model.layout))
    assert state.ending == "not_finite"
    assert state.outcome is not None
    assert "held their answers back" in state.outcome.advice


@pytest.mark.parametrize("slope", [0.0, 1e-6])
@pytest.mark.parametrize("curvature", [0.0, -1e-3])
def test_a_point_without_positive_curvature_is_an_end_only_where_it_is_flat_and_level(
    slope: float, curvature: float
) -> None:
    """Along x0 + x1: a slope of a millionth, or a curvature downwards of a thousandth, and it goes on."""
    layout = ParameterLayout(("x0", "x1"))
    begun = Contribution(-9.0, np.zeros(2), -np.eye(2))
    state = begin(
        layout, StartContribution((begun,), np.array([9.0, 1.0, 9.0, 0.0, 0.0, 0.0])), tolerance=1e-16, max_rounds=50
    )
    flat = np.array([[1.0, -1.0], [-1.0, 1.0]]) + curvature
    state = step(state, Contribution(-9.0, np.full(2, slope), -flat))
    assert state.ending == ("not_identified" if slope == curvature == 0.0 else None)
    assert (state.psi > 0.0).all() == (slope > 0.0)


@given(seed=st.integers(0, 10**6), size=st.integers(1, 7), radius=st.sampled_from([0.01, 1.0, np.inf]))
def test_a_region_step_climbs_and_stays_inside_for_any_symmetric_matrix(seed: int, size: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(size, size))
    A, g, metric = A + A.T, rng.normal(size=size), rng.uniform(0.1, 3.0, size)
    s = region_step(A, g, metric, radius)
    assert length(s, metric) <= 1.1 * radius
    assert g @ s > 0.0


@given(seed=st.integers(0, 10**6), size=st.integers(1, 12))
def test_the_written_out_factorisation_solves_and_knows_definiteness(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    root, b = rng.normal(size=(size, size + 2)), rng.normal(size=size)
    A = root @ root.T
    factored = ldl(A, A.diagonal(), b, 1e-12)
    assert factored.positive
    x = factored.solve(b)
    assert factored.solution.tobytes() == x.tobytes()  # b was eliminated along
    assert np.max(np.abs(A @ x - b)) <= 1e-14 * size * np.max(np.abs(A) @ np.abs(x))  # backward stable, whatever A is
    shifted = A - np.diag(np.full(size, 2.0 * np.linalg.eigvalsh(A)[0] + 1e-3))
    definite = np.linalg.eigvalsh(shifted)[0] > 0.0
    assert ldl(shifted, np.abs(shifted.diagonal()) + 1.0, smallest_pivot=1e-14).positive == definite


@pytest.mark.parametrize("size", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 5])
def test_substitution_in_blocks_has_the_bits_of_substitution_number_by_number(size: int) -> None:
    rng = np.random.default_rng(size)
    root, b = rng.normal(size=(size, size + 2)), rng.normal(size=size) * 10.0 ** rng.uniform(-9, 9, size)
    A = root @ root.T
    factored = ldl(A, A.diagonal(), b)
    L, x = factored.L.tolist(), (b / factored.root_scale).tolist()
    for i in range(size):
        for j in range(i):
            x[i] -= L[i][j] * x[j]
    x = (np.array(x) / factored.pivots).tolist()
    for i in range(size - 1, -1, -1):
        for j in range(size - 1, i, -1):
            x[i] -= L[j][i] * x[j]
    expected = (np.array(x) / factored.root_scale).tobytes()
    assert factored.solve(b).tobytes() == factored.solution.tobytes() == expected


SIXTY_DIGITS = Context(prec=60)


def test_exponential_and_logarithm_are_correctly_rounded() -> None:
    """On many numbers: the C library's are wrong in the last bit on about one in a thousand."""
    for x in np.random.default_rng(4).uniform(-300.0, 300.0, 10_000).tolist():
        assert exp(x) == float(SIXTY_DIGITS.exp(Decimal(x)))
    for x in np.random.default_rng(4).uniform(0.5, 2.0, 10_000).tolist():
        assert log(x) == float(SIXTY_DIGITS.ln(Decimal(x)))


def test_dot_products_do_not_depend_on_order() -> None:
    x, y = RNG.normal(size=50), 10.0 ** RNG.uniform(-8, 8, 50)
    order = RNG.permutation(50)
    assert dot(x, y) == dot(x[order], y[order])


DIGEST = "7015555d25e9a68ac4f17a26c87ddff775c30b42bf53ae1f873978aba6c47e3f"
"""SHA-256 of the path below: the same on every machine, and after every change that is not meant to change the steps."""
SCRIPT = """
import sys; sys.path.insert(0, {root!r})
from tests.unit.test_step import replayed_bits
print(replayed_bits())
"""


def replayed_bits() -> str:
    """The SHA-256 of what eighteen steps decide on a path of random sums in 43 parameters, some indefinite, some losses."""
    layout = ParameterLayout.of_one_term(tuple(f"x{j}" for j in range(36)), ("a", "b", "c"), dispersion="sigma")
    rng = np.random.default_rng(11)
    quadratics = tuple(_random_sum(rng, layout, -900.0 - k, definite=True) for k in range(len(grid(layout))))
    totals = np.array([640.0, 55.0, 601.3, 77.7, 0.0, 0.0, 640.0, 12.1, 433.9, -20.3, 55.5, 871.7])
    state = begin(layout, StartContribution(quadratics, totals), tolerance=1e-16, max_rounds=50)
    digest = hashlib.sha256(state.psi.tobytes() + state.basis.tobytes())
    values = [
        -800,
        -700,
        -750,
        -760,
        -650,
        -640,
        -645,
        -630,
        -629,
        -650,
        -620,
        -600,
        -580,
        -560,
        -540,
        -520,
        -500,
        -480,
    ]
    for k, value in enumerate(values):
        state = step(state, _random_sum(rng, layout, float(value), definite=k % 3 != 1 or k > 10))
        assert state.ending is None
        decided = [state.radius, state.predicted, math.nan if state.decrement is None else state.decrement]
        digest.update(state.psi.tobytes() + np.array(decided).tobytes())
    return digest.hexdigest()


def _random_sum(rng: np.random.Generator, layout: ParameterLayout, value: float, *, definite: bool) -> Contribution:
    """Doubles with all their bits in use, by nothing but + and *: only the optimiser's own arithmetic is compared."""
    size = layout.size
    U = 2.0 * rng.random((size, size)) - 1.0
    A = (U + U.T) * 0.7 + np.eye(size) * (size + rng.random(size) if definite else rng.random(size))
    if definite:
        A[-1, -1] += 2000.0  # of a start: twice y'V^-1 y, beside which what beta explains is small
    return Contribution(value, 2.0 * rng.random(size) - 1.0, -A)


@pytest.mark.parametrize(
    "settings",
    [
        {"OPENBLAS_NUM_THREADS": "1"},
        {"OPENBLAS_CORETYPE": "Haswell"},
        {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"},
    ],
)
def test_the_step_gives_the_same_bits_under_other_kernels_and_less_simd(settings: dict[str, str]) -> None:
    root = str(Path(__file__).parents[2])
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT.format(root=root)],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == DIGEST


def test_the_step_gives_the_bits_that_it_always_gave() -> None:
    assert replayed_bits() == DIGEST


def test_the_stored_bits_know_of_bent_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bend, "correction", lambda *_: 0.0)
    assert replayed_bits() != DIGEST


NUMPY = set(
    "abs any all array array_equal asarray diag empty eye flatnonzero inf isfinite ix_ "  # noqa: SIM905 -- a list that is read
    "maximum multiply nan sqrt stack subtract where zeros".split()
)
"""Exact, or rounded once an element: the same bits everywhere. Not here: sums, products of matrices, powers, exp and log."""
METHODS = {"sum", "dot", "mean", "prod", "std", "var", "trace", "cumsum"}


@pytest.mark.parametrize("name", sorted(path.name for path in OPTIMISATION.glob("*.py") if path.stem != "explanation"))
def test_the_optimiser_is_made_of_correctly_rounded_operations(name: str) -> None:
    """Only `explanation`, on which nothing depends but what people read, may use more."""
    for node in ast.walk(ast.parse((OPTIMISATION / name).read_text(encoding="utf-8"))):
        match node:
            case ast.BinOp(op=ast.MatMult() | ast.Pow()) | ast.AugAssign(op=ast.MatMult() | ast.Pow()):
                pytest.fail(f"{name}:{node.lineno}: @ or **")
            case ast.Attribute(value=ast.Name(id="np"), attr=attribute):
                assert attribute in NUMPY, f"{name}:{node.lineno}: np.{attribute}"
            case ast.Attribute(value=ast.Name(id="math"), attr=attribute):
                assert attribute in {"fsum", "sqrt"}, f"{name}:{node.lineno}: math.{attribute}"
            case ast.Attribute(attr=attribute):
                assert attribute not in METHODS, f"{name}:{node.lineno}: .{attribute}"
            case ast.Call(func=ast.Name(id="sum" | "pow" as function)):
                pytest.fail(f"{name}:{node.lineno}: {function}()")
            case ast.ImportFrom(module="math" | "numpy" | "scipy"):
                pytest.fail(f"{name}:{node.lineno}: a name that hides where it comes from")
