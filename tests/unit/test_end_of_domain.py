"""Links whose domain ends: optima, modes, nodes and starts near the end are right, or said to be there."""

import numpy as np
import pytest

from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from tests.reference.cases import fit
from tests.unit.generated import INSIDE, Shape, generate, mean_of
from tests.unit.hard_rows import GROUP, LIMITED, X1, N, X, model_of, rows_of
from tests.unit.test_derivatives import STEP, difference


@pytest.mark.parametrize("key", LIMITED)
def test_derivatives_are_exact_with_nodes_beyond_the_end_of_the_domain(key: tuple[str, str]) -> None:
    rows, model, psi, _ = generate(key, Shape(1))
    psi[0] = 0.5 * INSIDE[key]
    at_psi = contribution(rows, model, psi, 25)
    gradient = difference(lambda x: contribution(rows, model, x, 25).value, psi, STEP)
    hessian = difference(lambda x: contribution(rows, model, x, 25).gradient, psi, STEP)
    assert not at_psi.is_worthless
    assert np.max(np.abs(at_psi.gradient - gradient)) < 1e-9 * np.max(np.abs(gradient))
    assert np.max(np.abs(at_psi.hessian - hessian)) < 1e-8 * np.max(np.abs(hessian))


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
def test_a_group_of_nothing_but_events_has_no_mode_below_a_probability_of_one_and_the_fit_says_so(end: float) -> None:
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
def test_an_optimum_near_the_end_of_the_domain_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(N), np.abs(X1)])
    y = (rng.random(N) < np.exp(design @ np.array([-0.1, -0.5]))) * 1.0
    rows, model = rows_of(design, y), model_of(("binomial", "log"))
    state = fit([rows], model)
    assert state.ending == "converged"
    assert -0.25 < np.max(design @ state.psi) < 0.0
    assert state.psi == pytest.approx(np.array([-0.1, -0.5]), abs=0.25)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key in INSIDE])
def test_a_start_outside_the_domain_is_drawn_back(key: tuple[str, str]) -> None:
    """By site the coefficients are steep one way and the other; their average leads outside at some site's rows."""
    rng = np.random.default_rng(4)
    sign = np.sign(INSIDE[key])
    sites = []
    for slope, centre, n in ((1.0, 0.0, 2000), (0.05, -8.0, 40)):
        x = centre + rng.uniform(-1.0, 1.0, n)
        eta = sign * (1.5 + slope * (x - centre))
        mu = mean_of(key, eta)
        y = (rng.random(n) < mu) * 1.0 if key[0] == "binomial" else rng.gamma(4.0, mu / 4.0)
        sites.append(rows_of(np.column_stack([np.ones(n), -x]), y))
    model = model_of(key)
    first = fit(sites, model, max_rounds=1)
    assert first.ending == "not_finite"
    state = fit(sites, model)
    assert state.ending == "converged"
    assert all((sign * (rows.X @ state.psi[:2]) > 0.0).all() for rows in sites)
