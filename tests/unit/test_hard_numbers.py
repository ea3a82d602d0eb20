"""Numbers that are hard to get right: each fit is right, or ends by a name that says why it cannot be."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from shared.contribution import Contribution
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from tests.reference.cases import fit
from tests.unit.generated import INSIDE, Shape, generate, typical
from tests.unit.hard_rows import GROUP, INTERCEPT, X1, N, X, model_of, rows_of
from tests.unit.test_derivatives import slope
from tests.unit.test_properties import integral


@pytest.mark.parametrize("key", REGISTRY)
def test_a_hundred_nodes_converge_and_are_close_to_what_eleven_say(key: tuple[str, str]) -> None:
    """Of a link whose domain ends, many of them lie beyond the end, and count for nothing."""
    rows, model = typical(key)
    many, few = (fit([rows], model, points=points) for points in (100, 11))
    assert many.ending == few.ending == "converged"
    assert many.log_likelihood == pytest.approx(few.log_likelihood, abs=1e-3)
    np.testing.assert_allclose(np.abs(many.psi), np.abs(few.psi), atol=1e-3)


@pytest.mark.parametrize("key", REGISTRY)
def test_nodes_are_raised_until_they_are_enough(key: tuple[str, str]) -> None:
    rows, model = typical(key)
    state = fit([rows], model, points="auto")
    assert state.ending == "converged"
    assert state.raising is not None
    assert state.raising.settled


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize("q", [0, 1])
def test_complete_separation_is_named(link: str, q: int) -> None:
    state = fit([rows_of(X, (X1 > 0.0) * 1.0, GROUP, q=q)], model_of(("binomial", link), q=q))
    assert state.outcome is not None
    assert state.outcome.kind == "separated"
    assert "x1" in state.outcome.names


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "log"])
@pytest.mark.parametrize("q", [0, 1])
def test_no_event_at_all_is_separation_by_the_intercept(link: str, q: int) -> None:
    state = fit([rows_of(X, np.zeros(N), GROUP, q=q)], model_of(("binomial", link), q=q))
    assert state.outcome is not None
    assert state.outcome.kind == "separated"
    assert INTERCEPT in state.outcome.names


@pytest.mark.parametrize("key", REGISTRY)
def test_a_column_that_the_others_determine_is_named(key: tuple[str, str]) -> None:
    rows, model = typical(key)
    more = replace(rows, X=np.column_stack([rows.X, rows.X[:, 1] - 2.0 * rows.X[:, 2]]))
    layout = replace(model.layout, fixed=(*model.layout.fixed, "sum"))
    state = fit([more], Model(layout, model.family))
    assert state.outcome is not None
    assert (state.outcome.kind, state.round) == ("not_identified", 0)
    assert state.outcome.names == ("a", "b", "sum")


@pytest.mark.parametrize("key", [key for key in REGISTRY if key not in INSIDE])
@pytest.mark.parametrize("offset", [-100.0, 100.0])
def test_a_large_offset_is_taken_up_by_the_intercept(key: tuple[str, str], offset: float) -> None:
    rows, model = typical(key)
    plain, shifted = fit([rows], model), fit([replace(rows, offset=np.full(rows.n, offset))], model)
    assert plain.ending == shifted.ending == "converged"
    assert shifted.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)
    assert shifted.psi[0] + offset == pytest.approx(plain.psi[0], abs=1e-7)


@pytest.mark.parametrize("key", [("poisson", "log"), ("negative_binomial", "log")])
def test_counts_of_a_million_and_groups_without_any_converge(key: tuple[str, str]) -> None:
    rng = np.random.default_rng(2)
    noise = rng.gamma(5.0, 0.2, N) if key[0] != "poisson" else np.ones(N)
    y = rng.poisson(1e6 * np.exp(0.3 * X1) * np.exp(0.5 * np.sin(GROUP)) * noise).astype(float)
    large = fit([rows_of(X, y, GROUP, q=1)], model_of(key, q=1))
    assert large.ending == "converged"
    assert large.psi[1] == pytest.approx(0.3, abs=0.1 if key[0] != "poisson" else 1e-4)
    y = rng.poisson(np.exp(0.5 + 0.3 * X1) * noise).astype(float)
    y[GROUP < 3] = 0.0
    empty = fit([rows_of(X, y, GROUP, q=1)], model_of(key, q=1))
    assert empty.ending == "converged"
    assert abs(empty.psi[2]) > 0.5


def test_weights_over_six_orders_of_magnitude_are_as_many_rows() -> None:
    """Every weight a multiple of 1/1000, so the same log-likelihood is that of replicated rows a thousandth each."""
    for key in [key for key in REGISTRY if key[0] != "binomial"]:
        rows, model, psi, _ = generate(key, Shape(1), n=12, groups=3)
        times = np.array([1, 1000, 10, 1, 20000, 3, 1, 100, 5000, 2, 1, 30])
        weighted = contribution(replace(rows, weight=times / 1000.0), model, psi)
        which = np.repeat(np.arange(12), times)
        starts = np.concatenate([[0], np.cumsum(times)])[rows.starts]
        many = Rows(
            rows.X[which],
            rows.Z[which],
            rows.y[which],
            np.full(len(which), 1e-3),
            rows.offset[which],
            starts,
            rows.outer,
            rows.effects,
        )
        repeated = contribution(many, model, psi)
        assert weighted.value == pytest.approx(repeated.value, rel=1e-10)
        np.testing.assert_allclose(
            weighted.hessian, repeated.hessian, rtol=1e-8, atol=1e-9 * np.abs(repeated.hessian).max()
        )


def test_five_correlated_effects_have_exact_derivatives_and_are_estimated() -> None:
    rng = np.random.default_rng(2)
    n, groups = 6000, 150
    design, group = np.column_stack([np.ones(n), rng.normal(size=(n, 4))]), np.arange(n) % groups
    factor = np.tril(rng.normal(scale=0.2, size=(5, 5)), -1) + 0.5 * np.eye(5)
    eta = design @ np.full(5, 0.2) + np.sum(design * (rng.normal(size=(groups, 5)) @ factor.T)[group], axis=1)
    rows, model = (
        rows_of(design, rng.poisson(np.exp(eta)).astype(float), group, q=5),
        model_of(("poisson", "log"), 5, q=5),
    )
    state = fit([rows], model)
    assert state.ending == "converged"
    assert state.round < 20
    found = state.basis @ model.layout.unpack(state.psi).Lambda
    np.testing.assert_allclose(found @ found.T, factor @ factor.T, atol=0.15)
    some = rows.select_outer(0, 6)
    psi = model.layout.pack(np.full(5, 0.2), factor)
    at_psi = contribution(some, model, psi)
    assert_exact(at_psi, lambda x: contribution(some, model, x), psi)


def assert_exact(at_psi: Contribution, of: Callable[[np.ndarray], Contribution], psi: np.ndarray) -> None:
    """Along some directions, which for many parameters takes less than along each."""
    for direction in np.random.default_rng(0).normal(size=(3, len(psi))) / np.sqrt(len(psi)):
        rise = slope(lambda x: of(x).value, psi, direction, 1e-3)
        bend = slope(lambda x: of(x).gradient, psi, direction, 1e-3)
        assert rise == pytest.approx(at_psi.gradient @ direction, rel=1e-8, abs=1e-8 * np.abs(at_psi.gradient).max())
        np.testing.assert_allclose(at_psi.hessian @ direction, bend, rtol=0, atol=1e-8 * np.abs(bend).max())


def test_three_hundred_parameters_converge() -> None:
    rng = np.random.default_rng(3)
    n, p = 3000, 299
    design, group = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))]), np.arange(n) % 50
    eta = design @ np.append([-0.3], 0.08 * rng.normal(size=p - 1)) + 0.7 * rng.normal(size=50)[group]
    rows = rows_of(design, (rng.random(n) < 1.0 / (1.0 + np.exp(-eta))) * 1.0, group, q=1)
    model = model_of(("binomial", "logit"), p, q=1)
    assert model.layout.size == 300
    state = fit([rows], model)
    assert state.ending == "converged"
    assert state.round < 12
    at_psi = contribution(rows, model, 0.5 * state.psi)
    assert_exact(at_psi, lambda x: contribution(rows, model, x), 0.5 * state.psi)


@pytest.mark.parametrize(("key", "known_sd"), [(("binomial", "logit"), 1.0), (("poisson", "log"), None)])
def test_a_million_groups_of_one_row_take_memory_in_pieces_and_add_up_to_their_integrals(
    key: tuple[str, str], known_sd: float | None
) -> None:
    """Of equal rows the likelihood is a multiple of one row's: the sum is known from a few."""
    n, kinds = 1_000_000, 8
    design = np.column_stack([np.ones(n), np.tile(np.linspace(-1.0, 1.0, kinds), n // kinds)])
    y = np.tile(np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]), n // kinds)
    rows, model = rows_of(design, y, np.arange(n), q=1), model_of(key, q=1, known_sd=known_sd)
    psi = np.array([0.2, 0.4, 0.8])[: model.layout.size]
    tracemalloc.start()
    whole = contribution(rows, model, psi)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * design.nbytes
    few = contribution(rows.select_outer(0, kinds), model, psi)
    assert whole.value == pytest.approx(few.value * n / kinds, rel=1e-11)
    np.testing.assert_allclose(whole.hessian, few.hessian * n / kinds, rtol=1e-10)
    exact = sum(integral(rows.select_outer(j, j + 1), model, psi) for j in range(kinds))
    assert contribution(rows.select_outer(0, kinds), model, psi, 40).value == pytest.approx(exact, abs=1e-9)
    assert_exact(few, lambda x: contribution(rows.select_outer(0, kinds), model, x), psi)


def test_overdispersion_by_an_effect_of_each_row_is_estimated() -> None:
    rng = np.random.default_rng(6)
    n = 20_000
    design = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = rng.poisson(np.exp(design @ np.array([1.0, 0.3]) + 0.5 * rng.normal(size=n))).astype(float)
    state = fit([rows_of(design, y, np.arange(n), q=1)], model_of(("poisson", "log"), q=1))
    assert state.ending == "converged"
    np.testing.assert_allclose(np.abs(state.psi), [1.0, 0.3, 0.5], atol=0.03)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key not in INSIDE])
def test_one_group_in_all_is_right_with_a_known_sd(key: tuple[str, str]) -> None:
    rows, model, psi, _ = generate(key, Shape(1, known_sd=0.7), n=15, groups=1)
    assert rows.groups == 1
    assert contribution(rows, model, psi, 60).value == pytest.approx(integral(rows, model, psi), abs=1e-7)
    assert (
        fit([typical(key, groups=1)[0]], Model(model_of(key, 3, q=1, known_sd=0.7).layout, model.family)).ending
        == "converged"
    )
