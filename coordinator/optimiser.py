"""The optimiser as the coordinator uses it: the same sums give the same states, and every psi can be sent."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from coordinator.records import Round
from shared.contribution import Contribution
from shared.errors import FedglmmError
from shared.messages import StartMessage
from shared.optimisation.start import StartContribution
from shared.optimisation.state import State
from shared.parameters import ParameterLayout
from shared.specification import Specification

NOT_COMPUTABLE = (ArithmeticError, ValueError)
"""An overflow, a division by zero, the root or the logarithm of what has none."""


def not_finite() -> FedglmmError:
    """The fault of an estimation that no computer can go on with."""
    return FedglmmError(
        "the estimation left the finite numbers.",
        where="coordinator",
        remedy="Look at the scale of the response and of the columns: none should be very large or very small.",
        code="not_finite",
    )


class Begin(Protocol):
    """The optimiser's state after round 0."""

    def __call__(
        self,
        layout: ParameterLayout,
        start: StartContribution,
        *,
        tolerance: float,
        max_rounds: int,
        points: int | Literal["auto"],
    ) -> State:
        """Makes it."""


@dataclass(frozen=True)
class Optimiser:
    """Pure functions: the same sums give the same states."""

    add_starts: Callable[[Sequence[StartContribution]], StartContribution]
    begin: Begin
    step: Callable[[State, Contribution], State]

    def replay(self, specification: Specification, start: StartMessage, stored: Sequence[Round]) -> State:
        """The state after all stored rounds.

        Raises:
            FedglmmError: a stored psi is not what this version of the optimiser asks for, or a state is not finite.
        """
        state = _sendable(
            lambda: self.begin(
                specification.layout,
                start.contribution(math.inf),
                tolerance=specification.tolerance,
                max_rounds=specification.max_rounds,
                points=specification.quadrature_points,
            )
        )
        for entry in stored:
            if tuple(state.psi.tolist()) != entry.psi:
                raise FedglmmError(
                    "another version of this software stored the rounds so far, and steps otherwise.",
                    where=f"round {entry.number}",
                    remedy="Submit the analysis again.",
                    code="replay",
                )
            state = self.stepped(state, entry.summed.contribution(math.inf))
        return state

    def stepped(self, state: State, summed: Contribution) -> State:
        """The next state.

        Raises:
            FedglmmError: it has left the finite numbers.
        """
        return _sendable(lambda: self.step(state, summed))


def _sendable(compute: Callable[[], State]) -> State:
    """A state whose psi and basis are finite."""
    try:
        state = compute()
    except NOT_COMPUTABLE:
        raise not_finite() from None
    if not (np.isfinite(state.psi).all() and np.isfinite(state.basis).all()):
        raise not_finite()
    return state
