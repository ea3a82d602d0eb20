"""L, L' and L'' of some groups, before they are a contribution."""

from dataclasses import dataclass

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.sums import Additive, Array


@dataclass(frozen=True)
class Derivatives(Additive):
    """They add up over groups."""

    value: float
    """Without the family's constant."""
    gradient: Vector
    """(P,)"""
    hessian: Matrix
    """(P, P), symmetric up to rounding."""
    information: Array | None = None
    """Of the restricted likelihood: the derivatives in theta of X'V^-1 X (restricted.py)."""

    @property
    def is_finite(self) -> bool:
        """Whether every number is."""
        information = () if self.information is None else (self.information,)
        return all(np.isfinite(part).all() for part in (self.value, self.gradient, self.hessian, *information))
