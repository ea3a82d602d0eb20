"""The site's own random effect at the end of an analysis: what lme4 calls ranef and its conditional standard deviation."""

import numpy as np

from shared.parameters import Matrix, Vector
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.estimation.slab import at_mode


def random_effects(rows: Rows, model: Model, psi: Vector, basis: Matrix) -> tuple[Matrix, Matrix]:
    """Every group's b = B Lambda u at psi and its conditional standard deviations, each (G, q).

    Args:
        rows: with the random-effect columns as the model names them.
        model: the model.
        psi: (P,), in the basis.
        basis: B of shared/optimisation/basis.py, (q, q).
    """
    parameters = model.layout.unpack(psi)
    factor = basis @ parameters.Lambda
    modes, deviations = [], []
    for part in rows.in_basis(basis).slabs():
        slab = at_mode(part, model, parameters)
        modes.append(slab.u @ factor.T)
        own = factor @ slab.arrow.W
        covariance = own @ slab.arrow.inverse @ own.transpose(0, 2, 1)
        deviations.append(np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)))
    return np.concatenate(modes), np.concatenate(deviations)


def site_effect(rows: Rows, model: Model, psi: Vector, basis: Matrix) -> tuple[Vector, Vector]:
    """The same for the effects of a site that is one outer group, each (q,), or (q_outer,) beside groups inside it."""
    modes, deviations = random_effects(rows, model, psi, basis)
    own = model.layout.q_outer or model.layout.q
    return modes[0, :own], deviations[0, :own]
