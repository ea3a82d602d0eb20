"""What a site answers in a round: the log-likelihood of its rows with the random effects integrated out, and its derivatives."""

from functools import reduce
from operator import add

from shared.contribution import Contribution, worthless
from shared.parameters import Vector
from site_node.estimation.derivatives import Derivatives
from site_node.estimation.laplace import laplace
from site_node.estimation.model import Model
from site_node.estimation.quadrature import quadrature
from site_node.estimation.rows import Rows
from site_node.estimation.slab import at_mode
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
    layout = model.layout
    parameters = layout.unpack(psi)

    def of_slab(slab: Rows, spread: Spread) -> Derivatives:
        found = at_mode(slab, model, parameters, spread)
        return laplace(found) if points == 1 else quadrature(found, points)

    nothing = worthless(layout)
    begun = Derivatives(
        model.family.constant(rows.y, rows.weight), nothing.gradient, nothing.hessian, nothing.information
    )
    share = 4.0 / (3.0 + points)  # what is worked on together has a column for each node
    whole = reduce(add, over_slabs(of_slab, rows, share=share), begun)
    if not whole.is_finite:
        return nothing
    return Contribution(whole.value, whole.gradient, (whole.hessian + whole.hessian.T) / 2.0, whole.information)
