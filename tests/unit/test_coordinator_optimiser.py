"""An estimation that leaves the finite numbers is a fault that says where to look, not a crash."""

import decimal
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from coordinator.optimiser import Optimiser
from shared.contribution import Contribution
from shared.errors import FedglmmError
from shared.messages import LARGEST, ContributionMessage, StartMessage
from shared.optimisation.start import add_starts
from shared.optimisation.state import State
from shared.optimisation.step import begin, step
from tests.unit.smallest import SPECIFICATION

SUMMED = ContributionMessage(value=-9.0, gradient=(0.5,), hessian=(-2.0,))
START = StartMessage(quadratics=(SUMMED,), totals=(20.0, 1.0, 20.0, 0.0, 0.0, 0.0))
BEGUN = Optimiser(add_starts, begin, step).replay(SPECIFICATION, START, [])


def _raising(error: Exception) -> Callable[..., State]:
    def fails(*_: object, **__: object) -> State:
        raise error

    return fails


def _lost(*_: object, **__: object) -> State:
    return replace(BEGUN, psi=np.array([math.nan]))


@pytest.mark.parametrize(
    "fails",
    [
        _lost,
        _raising(OverflowError()),
        _raising(ZeroDivisionError()),
        _raising(ValueError("math domain error")),
        _raising(np.linalg.LinAlgError()),
        _raising(decimal.InvalidOperation()),
    ],
)
def test_a_step_that_leaves_the_finite_numbers_says_so(fails: Callable[..., State]) -> None:
    faults: tuple[Callable[[], State], ...] = (
        lambda: Optimiser(add_starts, begin, fails).stepped(BEGUN, SUMMED.contribution()),
        lambda: Optimiser(add_starts, fails, step).replay(SPECIFICATION, START, []),
    )
    for fault in faults:
        with pytest.raises(FedglmmError, match="left the finite numbers") as caught:
            fault()
        assert caught.value.code == "not_finite"
        assert "scale of the response" in caught.value.remedy


def test_a_fault_that_is_not_of_numbers_stays_what_it_is() -> None:
    with pytest.raises(KeyError):
        Optimiser(add_starts, begin, _raising(KeyError())).stepped(BEGUN, SUMMED.contribution())


def test_sums_beyond_what_one_site_may_send_are_replayed() -> None:
    worthless = Contribution(-3 * LARGEST, np.zeros(1), np.zeros((1, 1)))
    start = StartMessage(quadratics=(ContributionMessage.of(worthless),), totals=(20.0, 1.0, 20.0, 0.0, 0.0, 0.0))
    state = Optimiser(add_starts, begin, step).replay(SPECIFICATION, start, [])
    assert state.outcome is not None
