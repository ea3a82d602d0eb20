"""The linear predictor of a slab's rows as a function of its groups' u, and the u at which it belongs: the modes."""

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from shared.parameters import Matrix, Parameters, Vector
from site_node.estimation.families.family import Family
from site_node.estimation.modes import conditional_modes
from site_node.estimation.rows import Rows
from site_node.estimation.sums import Array, by_group, dot_by_row, outer_by_group
from site_node.estimation.workers import Spread


@dataclass(frozen=True)
class Predictor:
    """The predictor of one piece of rows at one psi."""

    rows: Rows
    fixed: Vector
    """offset + X beta, (n,)."""
    A: Matrix
    """Columns a_j = Lambda' z_j = d eta / d u, (q, n)."""

    @classmethod
    def of(cls, rows: Rows, parameters: Parameters) -> "Predictor":
        """At these parameters."""
        return cls(rows, rows.offset + rows.X @ parameters.beta, parameters.Lambda.T @ rows.Z.T)

    def eta(self, u: Matrix) -> Vector:
        """At u, (G, q): (n,)."""
        return self.fixed + dot_by_row(self.A, u, self.rows.starts)

    def slopes(self, u: Matrix, family: Family, log_phi: float) -> tuple[Array, Array]:
        """By group the sums l1 a, (G, q), and l2 a a', (G, q, q), at u."""
        rows = self.rows
        l1, l2 = family.derivatives(rows.y, rows.weight, self.eta(u), log_phi, 2)
        return by_group(l1 * self.A, rows.starts), outer_by_group(self.A, l2, rows.starts)


def with_modes(
    rows: Rows, family: Family, parameters: Parameters, spread: Spread
) -> tuple[tuple[Predictor, ...], Matrix]:
    """The predictors of a slab's pieces, and the modes u of its groups, (G, q)."""
    predictors = tuple(spread(lambda piece: Predictor.of(piece, parameters), rows.pieces()))
    q = len(parameters.Lambda)
    if not parameters.Lambda.any():
        return predictors, np.zeros((rows.groups, q))

    def slopes(u: Matrix) -> tuple[Array, Array]:
        parts = list(spread(lambda predictor: predictor.slopes(u, family, parameters.log_phi), predictors))
        return reduce(add, (first for first, _ in parts)), reduce(add, (second for _, second in parts))

    return predictors, conditional_modes(slopes, rows.groups, q)
