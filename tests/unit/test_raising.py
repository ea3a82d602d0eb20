"""The nodes of quadrature go up one by one, at an optimum, until the log-likelihood stands still; or to the last."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contribution import worthless
from shared.optimisation.raising import ENOUGH, LADDER, NEAR, Raising, Rung
from shared.optimisation.step import begin, step
from shared.request import MOST_POINTS
from site_node.estimation.contribution import contribution
from site_node.estimation.start import start_contribution
from tests.reference.cases import case

GROUPS = 20.0


def raised(*changes: float) -> Raising:
    """After so many more numbers of nodes, each with a change of the log-likelihood for each group."""
    raising, value = Raising(GROUPS), -100.0
    for change in changes:
        raising = raising.raised(value)
        value += change * GROUPS
        raising = raising.evaluated(value)
    return raising


def test_the_ladder_begins_with_laplace_rises_and_ends_with_the_most_that_can_be_asked_for() -> None:
    assert LADDER[0] == 1
    assert list(LADDER) == sorted(set(LADDER))
    assert LADDER[-1] == MOST_POINTS


def test_it_begins_with_one_node_and_no_change() -> None:
    assert (Raising(GROUPS).points, Raising(GROUPS).path) == (1, (Rung(1, None),))
    assert not Raising(GROUPS).settled


def test_more_nodes_are_asked_for_from_the_moment_they_are_raised() -> None:
    raising = Raising(GROUPS).raised(-100.0)
    assert raising.points == LADDER[1]
    assert raising.path == (Rung(1, None),)
    assert raising.evaluated(-99.0).path == (Rung(1, None), Rung(LADDER[1], 1.0 / GROUPS))
    assert raising.evaluated(-99.0).points == LADDER[1]


def test_only_the_first_evaluation_after_a_raise_is_compared() -> None:
    raising = raised(0.1)
    assert raising.evaluated(-50.0) == raising


@pytest.mark.parametrize(("change", "settled"), [(0.9 * ENOUGH, True), (-0.9 * ENOUGH, True), (1.1 * ENOUGH, False)])
def test_the_nodes_are_enough_when_the_last_change_for_each_group_is_small_in_either_direction(
    change: float, settled: bool
) -> None:
    for before in ((), (0.1,), (0.1, -0.01)):
        raising = raised(*before, change)
        assert (raising.settled, raising.at_its_end) == (settled, settled)


def test_an_optimum_is_near_enough_for_more_nodes_by_its_decrement_for_each_group() -> None:
    raising = raised(0.1)
    assert raising.is_near(0.9 * NEAR * GROUPS)
    assert not raising.is_near(1.1 * NEAR * GROUPS)
    assert not raising.is_near(None)
    assert not raised(0.1, 0.0).is_near(0.0)


def test_the_last_nodes_are_the_end_also_when_they_are_not_enough() -> None:
    raising = raised(*[0.1] * (len(LADDER) - 1))
    assert [rung.points for rung in raising.path] == list(LADDER)
    assert (raising.at_its_end, raising.settled, raising.is_near(0.0)) == (True, False, False)


@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=len(LADDER) - 1), st.floats(1.0, 1e6))
def test_the_path_is_the_changes_as_they_were_whatever_the_number_of_groups(
    changes: list[float], groups: float
) -> None:
    raising, value = Raising(groups), 0.0
    for change in changes:
        raising = replace(raising.raised(value).evaluated(value + change))
        value += change
    assert [rung.points for rung in raising.path] == list(LADDER[: len(changes) + 1])
    assert [rung.change for rung in raising.path[1:]] == pytest.approx([c / groups for c in changes], abs=1e-12)


def test_where_more_nodes_have_no_finite_likelihood_the_nodes_before_have_to_do() -> None:
    raising = raised(0.1).raised(-50.0).refused()
    assert (raising.points, raising.at_its_end, raising.settled) == (LADDER[1], True, False)
    assert raising.path == raised(0.1).path
    assert not raising.is_near(0.0)


def test_an_optimum_survives_more_nodes_without_a_finite_likelihood() -> None:
    one = case("cbpp_ri")
    (rows,) = one.sites(1)
    layout = one.model.layout
    state = begin(layout, start_contribution(rows, one.model), tolerance=1e-16, max_rounds=50, points="auto")
    while state.ending is None:
        few = state.points <= LADDER[1]
        state = step(state, contribution(rows, one.model, state.psi, state.points) if few else worthless(layout))
    assert state.ending == "converged"
    assert state.raising is not None
    assert [rung.points for rung in state.raising.path] == [1, LADDER[1]]
    assert not state.raising.settled
    assert state.log_likelihood == pytest.approx(one.fits["lme4_nAGQ5"]["loglik_full"], abs=1e-9)
