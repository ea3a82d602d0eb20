"""Numbers that are hard to get right: each fit is right, or ends by a name that says why it cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from site_node.estimation.contribution import contribution
from site_node.estimation.families import REGISTRY
from tests.reference.cases import fit
from tests.unit.generated import INSIDE, Shape, generate, typical
from tests.unit.test_derivatives import STEP, difference

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
