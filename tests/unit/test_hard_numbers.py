"""Numbers that are hard to get right: each fit is right, or ends by a name that says why it cannot be."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from coordinator.inference import covariance_of_psi
from shared.optimisation.state import State
from shared.parameters import ParameterLayout
from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from tests.reference.cases import fit
from tests.unit.generated import INSIDE, Shape, generate, typical
from tests.unit.test_derivatives import STEP, difference
from tests.unit.test_properties import integral

INTERCEPT = "(Intercept)"
LIMITED = [key for key, family in REGISTRY.items() if family.limited]


@pytest.mark.parametrize("key", REGISTRY)
def test_a_hundred_nodes_converge_and_are_close_to_what_eleven_say(key) -> None:
    """Of a link whose domain ends, many of them lie beyond the end, and count for nothing."""
    rows, model = typical(key)
    many, few = (fit([rows], model, points=points) for points in (100, 11))
    assert many.ending == few.ending == "converged"
    assert many.log_likelihood == pytest.approx(few.log_likelihood, abs=1e-3)
    np.testing.assert_allclose(np.abs(many.psi), np.abs(few.psi), atol=1e-3)


@pytest.mark.parametrize("key", LIMITED)
def test_derivatives_are_exact_with_nodes_beyond_the_end_of_the_domain(key) -> None:
    rows, model, psi, _ = generate(key, Shape(1))
    psi[0] = 0.5 * INSIDE[key]
    at_psi = contribution(rows, model, psi, 25)
    gradient = difference(lambda x: contribution(rows, model, x, 25).value, psi, STEP)
    hessian = difference(lambda x: contribution(rows, model, x, 25).gradient, psi, STEP)
    assert not at_psi.is_worthless
    assert np.max(np.abs(at_psi.gradient - gradient)) < 1e-9 * np.max(np.abs(gradient))
    assert np.max(np.abs(at_psi.hessian - hessian)) < 1e-8 * np.max(np.abs(hessian))


@pytest.mark.parametrize("key", REGISTRY)
def test_nodes_are_raised_until_they_are_enough(key) -> None:
    rows, model = typical(key)
    state = fit([rows], model, points="auto")
    assert state.ending == "converged"
    assert state.raising is not None
    assert state.raising.settled


def model_of(key, fixed=2, *, q=0, known_sd=None) -> Model:
    names = (INTERCEPT, *(f"x{j}" for j in range(1, fixed)))
    family = REGISTRY[key]
    return Model(ParameterLayout.of_one_term(names, names[:q], known_sd=known_sd, dispersion=family.dispersion), family)


def rows_of(X, y, group=None, *, q=0, weight=1.0, offset=0.0) -> Rows:
    n = len(y)
    group = group if q else None
    return Rows.sorted_by_group(
        X=X, Z=X[:, :q], y=y, weight=weight * np.ones(n), offset=offset * np.ones(n), group=group
    )


RNG = np.random.default_rng(1)
N = 400
X1, GROUP = RNG.normal(size=N), np.arange(N) % 20
X = np.column_stack([np.ones(N), X1])


def assert_at_its_limit(state: State, said: str) -> None:
    assert state.outcome is not None
    assert state.outcome.kind == "boundary"
    assert any(said in name for name in state.outcome.names)
    covariance = covariance_of_psi(state.layout, state.psi, state.point.summed.hessian)
    assert np.isnan(covariance[-1]).all()
    assert (covariance.diagonal()[: state.layout.p] > 0.0).all()


@pytest.mark.parametrize("q", [0, 1])
def test_a_negative_binomial_for_responses_no_more_dispersed_than_poisson_is_poisson_on_the_boundary(q) -> None:
    mu = np.exp(1.5 + 0.4 * X1 + 0.3 * np.sin(GROUP))
    rows = rows_of(X, np.round(mu + 0.3 * np.sqrt(mu) * RNG.normal(size=N)).clip(0.0), GROUP, q=q)
    state, poisson = (fit([rows], model_of((family, "log"), q=q)) for family in ("negative_binomial", "poisson"))
    assert_at_its_limit(state, "Poisson")
    assert state.round <= 25
    assert poisson.ending == "converged"
    assert state.log_likelihood == pytest.approx(poisson.log_likelihood, abs=1e-9)
    error = np.sqrt(np.linalg.inv(-poisson.point.summed.hessian).diagonal())
    np.testing.assert_array_less(np.abs(np.abs(state.psi[:-1]) - np.abs(poisson.psi)) / error, 1e-5)


@pytest.mark.parametrize("known_sd", [None, 0.5])
def test_two_rows_of_a_negative_binomial_are_on_the_boundary_and_not_separated(known_sd) -> None:
    """The mean follows the size to its limit, by ever shorter moves: it does not run off."""
    q = int(known_sd is not None)
    rows = rows_of(np.ones((2, 1)), np.array([1.0, 2.0]), np.arange(2), q=q)
    state = fit([rows], model_of(("negative_binomial", "log"), 1, q=q, known_sd=known_sd))
    assert_at_its_limit(state, "Poisson")
    assert known_sd or state.psi[0] == pytest.approx(np.log(1.5), abs=1e-6)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key[0] in {"gaussian", "gamma", "inverse_gaussian"}])
def test_two_rows_that_a_known_sd_explains_leave_no_dispersion(key) -> None:
    rows = rows_of(np.ones((2, 1)), np.array([1.0, 2.0]), np.arange(2), q=1)
    said = "residual sd is 0" if key[0] == "gaussian" else "shape is unlimited"
    assert_at_its_limit(fit([rows], model_of(key, 1, q=1, known_sd=0.5)), said)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key[0] != "negative_binomial"])
def test_two_rows_have_an_intercept(key) -> None:
    """Of each family the likelihood of two responses is largest at their mean, whatever the dispersion."""
    y = np.array([0.0, 1.0]) if key[0] == "binomial" else np.array([1.0, 2.0])
    state = fit([rows_of(np.ones((2, 1)), y)], model_of(key, 1))
    assert state.ending == "converged"
    assert REGISTRY[key].mean(state.psi[:1])[0] == pytest.approx(y.mean(), rel=1e-7)


@pytest.mark.parametrize("key", [("gamma", "log"), ("inverse_gaussian", "log")])
@pytest.mark.parametrize("cv", [1e-3, 1e-4])
def test_a_small_dispersion_is_found_beside_a_large_mean(key, cv) -> None:
    """Of the responses' working sum of squares the residual is 1e-11 there: it would drown."""
    y = 1e6 * np.exp(0.1 * X1 + cv * RNG.normal(size=N))
    rows = rows_of(X, y)
    state = fit([rows], model_of(key))
    assert state.ending == "converged"
    shape = N / np.sum((y / np.exp(X @ state.psi[:2]) - 1.0) ** 2)
    mean = 1.0 if key[0] == "gamma" else np.exp(np.mean(np.log(y)))
    assert state.psi[-1] == pytest.approx(np.log(shape * mean), abs=0.05)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key[0] in {"gaussian", "gamma", "inverse_gaussian"}])
@pytest.mark.parametrize("noise", [1e-2, 1e-4, 1e-6, 0.0])
def test_nearly_no_dispersion_is_estimated_or_called_a_perfect_fit(key, noise) -> None:
    """A relative noise of 1e-6 is a shape of 1e12; without any, responses are as good as computed from the columns."""
    eta = X @ np.array([2.0, 0.1])
    mu = REGISTRY[key].mean(eta)
    y = mu * np.exp(noise * RNG.normal(size=N))
    state = fit([rows_of(X, y)], model_of(key))
    if noise == 0.0:
        assert state.ending == "perfect_fit"
        return
    assert state.ending == "converged"
    np.testing.assert_allclose(state.psi[:2], [2.0, 0.1], atol=noise)
    log_sd = np.log(noise) + (np.log(2.0) if key[0] == "gaussian" else 0.0)  # its mu is about 2
    log_phi = {"gaussian": log_sd, "gamma": -2.0 * log_sd, "inverse_gaussian": -2.0 * log_sd + np.log(np.mean(mu))}
    assert state.psi[-1] == pytest.approx(log_phi[key[0]], abs=0.3)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize("q", [0, 1])
def test_complete_separation_is_named(link, q) -> None:
    state = fit([rows_of(X, (X1 > 0.0) * 1.0, GROUP, q=q)], model_of(("binomial", link), q=q))
    assert state.outcome is not None
    assert state.outcome.kind == "separated"
    assert "x1" in state.outcome.names


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "log"])
@pytest.mark.parametrize("q", [0, 1])
def test_no_event_at_all_is_separation_by_the_intercept(link, q) -> None:
    state = fit([rows_of(X, np.zeros(N), GROUP, q=q)], model_of(("binomial", link), q=q))
    assert state.outcome is not None
    assert state.outcome.kind == "separated"
    assert INTERCEPT in state.outcome.names


@pytest.mark.parametrize("key", REGISTRY)
def test_a_column_that_the_others_determine_is_named(key) -> None:
    rows, model = typical(key)
    more = replace(rows, X=np.column_stack([rows.X, rows.X[:, 1] - 2.0 * rows.X[:, 2]]))
    layout = replace(model.layout, fixed=(*model.layout.fixed, "sum"))
    state = fit([more], Model(layout, model.family))
    assert state.outcome is not None
    assert (state.outcome.kind, state.round) == ("not_identified", 0)
    assert state.outcome.names == ("a", "b", "sum")


@pytest.mark.parametrize("key", [key for key in REGISTRY if key not in INSIDE])
@pytest.mark.parametrize("offset", [-100.0, 100.0])
def test_a_large_offset_is_taken_up_by_the_intercept(key, offset) -> None:
    rows, model = typical(key)
    plain, shifted = fit([rows], model), fit([replace(rows, offset=np.full(rows.n, offset))], model)
    assert plain.ending == shifted.ending == "converged"
    assert shifted.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)
    assert shifted.psi[0] + offset == pytest.approx(plain.psi[0], abs=1e-7)


@pytest.mark.parametrize("key", [("poisson", "log"), ("negative_binomial", "log")])
def test_counts_of_a_million_and_groups_without_any_converge(key) -> None:
    noise = RNG.gamma(5.0, 0.2, N) if key[0] != "poisson" else np.ones(N)
    y = RNG.poisson(1e6 * np.exp(0.3 * X1) * np.exp(0.5 * np.sin(GROUP)) * noise).astype(float)
    large = fit([rows_of(X, y, GROUP, q=1)], model_of(key, q=1))
    assert large.ending == "converged"
    assert large.psi[1] == pytest.approx(0.3, abs=0.1 if key[0] != "poisson" else 1e-4)
    y = RNG.poisson(np.exp(0.5 + 0.3 * X1) * noise).astype(float)
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


def test_an_optimum_at_the_end_of_the_domain_is_said_to_be_there() -> None:
    """All of the events lie above, so the largest mean of a fit is 1."""
    rows, model = rows_of(X, (X1 > 0.0) * 1.0), model_of(("binomial", "log"))
    state = fit([rows], model)
    assert state.outcome is not None
    assert state.outcome.kind == "not_finite"
    assert "choose another link" in state.outcome.advice
    assert state.round < 40
    assert -1e-3 < np.max(X @ state.psi) < 0.0


@pytest.mark.parametrize("end", [0.02, 0.1])
def test_a_group_of_nothing_but_events_has_no_mode_below_a_probability_of_one_and_the_fit_says_so(end) -> None:
    """Were its effect's variance larger, what is integrated would rise up to the end of the domain."""
    rng = np.random.default_rng(1)
    effect = -0.15 * np.minimum(np.abs(rng.normal(size=20)), 2.0)
    y = (rng.random(N) < np.exp(-end + effect[GROUP])) * 1.0
    y[GROUP == 3] = 1.0
    state = fit([rows_of(X[:, :1], y, GROUP, q=1)], model_of(("binomial", "log"), 1, q=1))
    assert state.outcome is not None
    assert state.outcome.kind == "not_finite"
    assert "choose another link" in state.outcome.advice
    assert state.round < 40


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_an_optimum_near_the_end_of_the_domain_is_found(seed) -> None:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(N), np.abs(X1)])
    y = (rng.random(N) < np.exp(design @ np.array([-0.1, -0.5]))) * 1.0
    rows, model = rows_of(design, y), model_of(("binomial", "log"))
    state = fit([rows], model)
    assert state.ending == "converged"
    assert -0.25 < np.max(design @ state.psi) < 0.0
    assert state.psi == pytest.approx(np.array([-0.1, -0.5]), abs=0.25)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key in INSIDE])
def test_a_start_outside_the_domain_is_drawn_back(key) -> None:
    """By site the coefficients are steep one way and the other; their average leads outside at some site's rows."""
    rng, family = np.random.default_rng(4), REGISTRY[key]
    sign = np.sign(INSIDE[key])
    sites = []
    for slope, centre, n in ((1.0, 0.0, 2000), (0.05, -8.0, 40)):
        x = centre + rng.uniform(-1.0, 1.0, n)
        eta = sign * (1.5 + slope * (x - centre))
        mu = family.mean(eta)
        y = (rng.random(n) < mu) * 1.0 if key[0] == "binomial" else rng.gamma(4.0, mu / 4.0)
        sites.append(rows_of(np.column_stack([np.ones(n), -x]), y))
    model = model_of(key)
    first = fit(sites, model, max_rounds=1)
    assert first.ending == "not_finite"
    state = fit(sites, model)
    assert state.ending == "converged"
    assert all((sign * (rows.X @ state.psi[:2]) > 0.0).all() for rows in sites)


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


def assert_exact(at_psi, of, psi: np.ndarray) -> None:
    """Along some directions, which for many parameters takes less than along each."""
    for direction in np.random.default_rng(0).normal(size=(3, len(psi))) / np.sqrt(len(psi)):
        slope = difference(lambda t, d=direction: of(psi + t[0] * d).value, np.zeros(1), 1e-3)[0]
        bend = difference(lambda t, d=direction: of(psi + t[0] * d).gradient, np.zeros(1), 1e-3)[:, 0]
        assert slope == pytest.approx(at_psi.gradient @ direction, rel=1e-8, abs=1e-8 * np.abs(at_psi.gradient).max())
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
def test_a_million_groups_of_one_row_take_memory_in_pieces_and_add_up_to_their_integrals(key, known_sd) -> None:
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
def test_one_group_in_all_is_right_with_a_known_sd(key) -> None:
    rows, model, psi, _ = generate(key, Shape(1, known_sd=0.7), n=15, groups=1)
    assert rows.groups == 1
    assert contribution(rows, model, psi, 60).value == pytest.approx(integral(rows, model, psi), abs=1e-7)
    assert (
        fit([typical(key, groups=1)[0]], Model(model_of(key, 3, q=1, known_sd=0.7).layout, model.family)).ending
        == "converged"
    )
