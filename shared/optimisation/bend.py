"""A third-order correction of Newton's step: Chebyshev's method, with the third derivatives along the last move only.

Where L flattens steadily, as towards a large variance, Newton's steps stay too short round after round. The two last
Hessians tell by how much L bends along the move between them, and the next step goes much the same way.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.optimisation.arithmetic import Ldl, dot, principal, times, times_each
from shared.parameters import Indices, Matrix, Vector

LONGEST_WAY = 2.0
"""Moves: how much further than the last move its bend is believed to reach."""


@dataclass(frozen=True)
class Bend:
    """What the last accepted move told."""

    move: Vector
    """(P,)"""
    change: Matrix
    """Of -L'' over it, (P, P)."""

    def along(self, free: Indices) -> Self:
        """The same of some of the parameters."""
        return type(self)(self.move[free], principal(self.change, free))

    def correction(self, A: Matrix, factored: Ldl, s: Vector) -> Vector:
        """What solves L' = 0 to one order more when added to Newton's step s = A^-1 L', and is no longer than s.

        Args:
            A: -L'', positive definite.
            factored: the same, factorised.
            s: Newton's step.
        """
        along, slope, bent = times_each([(A, self.move), (A, s), (self.change, s)])
        squared = dot(self.move, along)
        ways = dot(self.move, slope) / squared if squared > 0.0 else 0.0
        if not 0.0 < abs(ways) <= LONGEST_WAY:
            return np.zeros(len(s))
        c = -ways / 2.0 * factored.solve(bent)
        allowed, length = dot(s, slope), dot(c, times(A, c))
        return c if length <= allowed else c * np.sqrt(allowed / length)
