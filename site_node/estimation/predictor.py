"""The linear predictor of a slab's rows as a function of its groups' u, and the u at which it belongs: the modes."""

from dataclasses import dataclass

import numpy as np

from shared.parameters import Matrix, Parameters, Vector
from site_node.estimation.families.family import Family
from site_node.estimation.modes import conditional_modes
from site_node.estimation.nesting import Nesting
from site_node.estimation.rows import Piece, Rows
from site_node.estimation.sums import Array, by_group, dot_by_row, outer_by_group, put_together
from site_node.estimation.workers import Spread


@dataclass(frozen=True)
class Predictor:
    """The predictor of one piece of rows at one psi."""

    rows: Rows
    groups: slice
    """Which of the slab's groups the rows belong to."""
    fixed: Vector
    """offset + X beta, (n,)."""
    T: Matrix
    """a_j = d eta / d u = T'z_j, (m, q)."""

    @classmethod
    def of(cls, piece: Piece, parameters: Parameters) -> "Predictor":
        """At these parameters."""
        rows = piece.rows
        return cls(rows, piece.groups, rows.offset + rows.X @ parameters.beta, rows.loadings(parameters.Lambda))

    def eta(self, u: Matrix) -> Vector:
        """At the slab's u, (G, q): (n,)."""
        return self.fixed + dot_by_row(self.rows.Z.T, u[self.groups] @ self.T.T, self.rows.starts)

    def slopes(self, u: Matrix, family: Family, log_phi: float) -> Array:
        """By group the sums l1 z and l2 z z' at u, side by side: (G, m, 1 + m)."""
        rows, Z = self.rows, self.rows.Z.T
        l1, l2 = family.derivatives(rows.y, rows.weight, self.eta(u), log_phi, 2)
        first = by_group(l1 * Z, rows.starts)
        return np.concatenate([first[:, :, None], outer_by_group(Z, l2, rows.starts)], axis=2)


def with_modes(
    rows: Rows, nesting: Nesting, family: Family, parameters: Parameters, spread: Spread
) -> tuple[tuple[Predictor, ...], Matrix]:
    """The predictors of a slab's pieces, and the modes u of its groups, (G, q).

    An outer group's part of u stands with each of its groups.
    """
    predictors = tuple(spread(lambda piece: Predictor.of(piece, parameters), rows.pieces()))
    if not parameters.Lambda.any():
        return predictors, np.zeros((rows.groups, len(parameters.Lambda)))
    T = rows.loadings(parameters.Lambda)

    def slopes(u: Matrix) -> tuple[Array, Array]:
        parts = spread(lambda one: (one.groups, one.slopes(u, family, parameters.log_phi)), predictors)
        sums = put_together(list(parts), rows.groups)
        return sums[:, :, 0] @ T, T.T @ sums[:, :, 1:] @ T

    return predictors, conditional_modes(slopes, nesting, len(parameters.Lambda))
