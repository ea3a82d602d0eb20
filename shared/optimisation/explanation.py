"""Which parameters an ending is about, in names. It may use LAPACK: nothing depends on it but what people read."""

import numpy as np

from shared.contribution import Contribution
from shared.optimisation.dispersion import LIMITS, at_its_limit
from shared.parameters import Matrix, ParameterLayout, Vector

FLAT = 1e-9
"""Eigenvalue, for a unit diagonal, of a direction along which the data say nothing."""
TAKES_PART = 1e-3
"""Size of an entry of that direction from which a parameter takes part in it."""
NO_VARIANCE = 1e-6
"""Standard deviation, relative to the largest in the basis, that is zero up to rounding."""


def at_boundary(layout: ParameterLayout, psi: Vector, basis: Matrix, summed: Contribution) -> tuple[str, ...]:
    """What lies on the boundary: effects, the dispersion, or both."""
    effects = collapsed_effects(layout, psi, basis) if any(psi[k] == 0.0 for k in layout.theta_diagonal) else ()
    return (*effects, LIMITS[layout.dispersion]) if at_its_limit(layout, summed.hessian) else effects


def collapsed_effects(layout: ParameterLayout, psi: Vector, basis: Matrix) -> tuple[str, ...]:
    """What the zeros on the diagonal of Lambda mean: effects without a variance, or effects that determine each other."""
    Lambda, names = layout.unpack(psi).Lambda, []
    for term, block in layout.blocks:
        B, own = basis[block, block], Lambda[block, block]
        unit = np.abs(B).max(axis=1) * max(np.abs(own).max(), np.finfo(float).tiny)
        is_zero = np.sqrt(np.sum((B @ own) ** 2, axis=1)) <= NO_VARIANCE * unit
        of = f" by {term.group}" if layout.q_outer else ""
        names += [f"the sd of {name}{of} is 0" for name, zero in zip(term.columns, is_zero, strict=True) if zero]
    zeros = sum(Lambda[a, a] == 0.0 for a in range(layout.q))
    return tuple(names) if len(names) >= zeros else (*names, "the correlations of the others are at their limit")


def flat_directions(layout: ParameterLayout, summed: Contribution) -> tuple[str, ...]:
    """The parameters that take part in a direction along which the summed curvature vanishes."""
    A = -summed.hessian
    used = np.flatnonzero((np.abs(A).max(axis=1) > 0.0) | (np.arange(layout.size) < layout.p))
    root = np.sqrt(np.where(A.diagonal() > 0.0, A.diagonal(), 1.0))
    values, vectors = np.linalg.eigh((A / root[:, None] / root[None, :])[np.ix_(used, used)])
    flat = np.abs(vectors[:, values < FLAT]).max(axis=1, initial=0.0)
    return tuple(layout.names[k] for k, size in zip(used, flat, strict=True) if size > TAKES_PART)
