"""Tells a coefficient that runs off to infinity (separation) from one that converges slowly, while it happens.

Towards infinity Newton's moves tend to one unit of the linear predictor a round, and the curvature along them falls by a
factor e each time. Slow convergence in a flat valley has steady moves too, but its curvature stays.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.optimisation.arithmetic import dot, times
from shared.parameters import Matrix, Vector

STILL_MOVING = 0.4
"""Of the previous move in the same direction, which may have been bent to twice Newton's step (bend.py)."""
FLATTENING = 0.6
"""Largest ratio of the curvature along a move after it to that before."""
ENOUGH_MOVES = 4
NO_GAIN = 1e-4
"""Newton decrement below which the log-likelihood has hardly anything left to gain, in units of a row's weight."""


@dataclass(frozen=True)
class Runaway:
    """For each fixed effect its last accepted move, and how many moves in a row did not shrink while curvature collapsed."""

    moves: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    def after(self, move: Vector, p: int, A_before: Matrix, A_after: Matrix) -> Self:
        """Take note of an accepted move of psi, (P,), the first p of which are fixed effects.

        What the others do does not count: a dispersion may run to its limit, where curvature along it collapses too.
        """
        beta = move[:p]
        if not self.moves:
            return type(self)(tuple(beta.tolist()), (0,) * p)
        previous = np.array(self.moves)
        steady = (beta * previous > 0.0) & (np.abs(beta) >= STILL_MOVING * np.abs(previous))
        flattens = bool(steady.any()) and _flattens(beta, A_before[:p, :p], A_after[:p, :p])
        counts = np.where(steady & flattens, np.array(self.counts) + 1, 0)
        return type(self)(tuple(beta.tolist()), tuple(counts.tolist()))

    def columns(self) -> tuple[int, ...]:
        """The fixed effects that run off, once nothing is left to gain."""
        return tuple(j for j, count in enumerate(self.counts) if count >= ENOUGH_MOVES)


def _flattens(beta: Vector, before: Matrix, after: Matrix) -> bool:
    """Whether curvature along a move is less after it."""
    was, is_now = (dot(beta, times(A, beta)) for A in (before, after))
    return was > 0.0 and is_now < FLATTENING * was
