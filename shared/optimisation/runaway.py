"""Tells a coefficient that runs off to infinity (separation) from one that converges, while it happens."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.parameters import Vector

STILL_MOVING = 0.5
"""Of the previous move in the same direction: Newton's moves towards a finite optimum shrink quadratically, towards infinity
they tend to one unit of the linear predictor a round."""
ENOUGH_MOVES = 4
NO_GAIN = 1e-4
"""Newton decrement below which the log-likelihood has hardly anything left to gain."""


@dataclass(frozen=True)
class Runaway:
    """For each fixed effect its last accepted move, and how many moves in a row did not shrink."""

    moves: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    def after(self, move: Vector) -> Self:
        """Take note of an accepted move of beta, (p,)."""
        if not self.moves:
            return type(self)(tuple(move.tolist()), (0,) * len(move))
        previous = np.array(self.moves)
        steady = (move * previous > 0.0) & (np.abs(move) >= STILL_MOVING * np.abs(previous))
        counts = np.where(steady, np.array(self.counts) + 1, 0)
        return type(self)(tuple(move.tolist()), tuple(counts.tolist()))

    def columns(self, decrement: float) -> tuple[int, ...]:
        """The fixed effects that run off."""
        if decrement > NO_GAIN:
            return ()
        return tuple(j for j, count in enumerate(self.counts) if count >= ENOUGH_MOVES)
