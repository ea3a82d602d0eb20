"""What a site answers in a round: the log-likelihood of its rows with the random effects integrated out, and its derivatives."""

import numpy as np

from shared.contribution import Contribution, worthless
from shared.parameters import Matrix, Vector
from site_node.estimation.derivatives import Derivatives
from site_node.estimation.exposure import weights_of
from site_node.estimation.laplace import laplace
from site_node.estimation.model import Model
from site_node.estimation.quadrature import quadrature
from site_node.estimation.rows import Rows
from site_node.estimation.slab import Slab, at_mode
from site_node.estimation.workers import Spread, over_slabs


def contribution(rows: Rows, model: Model, psi: Vector, points: int = 1) -> Contribution:
    """L, L' and L'' of the site's rows at psi, (P,).

    Worthless at a psi where the log-likelihood is not finite.

    Args:
        rows: the site's, with the random effects' columns in the basis that psi refers to.
        model: the model.
        psi: (P,)
        points: of adaptive Gauss-Hermite quadrature; 1 is the Laplace approximation.
    """
    answer, _ = exposed_contribution(rows, model, psi, points)
    return answer


def exposed_contribution(rows: Rows, model: Model, psi: Vector, points: int = 1) -> tuple[Contribution, Matrix]:
    """The same, with what each row weighs in it, (k, n) as `weights_of`; k is 0 where it is worthless and holds nothing."""
    layout = model.layout
    parameters = layout.unpack(psi)

    def of_slab(slab: Rows, spread: Spread) -> tuple[Derivatives, Matrix]:
        found = at_mode(slab, model, parameters, spread)
        return laplace(found) if points == 1 else quadrature(found, points), _weights(found)

    nothing = worthless(layout)
    whole = Derivatives(
        model.family.constant(rows.y, rows.weight), nothing.gradient, nothing.hessian, nothing.information
    )
    weights = []
    share = 4.0 / (3.0 + points)  # what is worked on together has a column for each node
    for derivatives, weighed in over_slabs(of_slab, rows, share=share):
        whole += derivatives
        weights.append(weighed)
    if not whole.is_finite:
        return nothing, np.zeros((0, rows.n))
    answer = Contribution(whole.value, whole.gradient, (whole.hessian + whole.hessian.T) / 2.0, whole.information)
    return answer, np.concatenate(weights, axis=1)


def _weights(slab: Slab) -> Matrix:
    parts = slab.spread(lambda piece: weights_of(piece.rows, slab.family, piece.eta, piece.l[2]), slab.pieces)
    return np.concatenate(list(parts), axis=1)
