"""Which parameters an ending is about, in names. It may use LAPACK: nothing depends on it but what people read."""

import numpy as np

from shared.contribution import Contribution
from shared.parameters import ParameterLayout, Vector

FLAT = 1e-9
"""Eigenvalue, for a unit diagonal, of a direction along which the data say nothing."""
TAKES_PART = 1e-3
"""Size of an entry of that direction from which a parameter takes part in it."""


def collapsed_effects(layout: ParameterLayout, psi: Vector) -> tuple[str, ...]:
    """What each zero on the diagonal of Lambda means: no variance, or effects that determine each other."""
    Lambda = layout.unpack(psi).Lambda
    named = []
    for k in layout.theta_diagonal:
        a, _ = layout.theta_entries[k - layout.p]
        if Lambda[a, a] == 0.0:
            name = layout.random[a]
            named.append(
                f"the correlations of {name} are at their limit" if Lambda[a].any() else f"the sd of {name} is 0"
            )
    return tuple(named)


def flat_directions(layout: ParameterLayout, summed: Contribution) -> tuple[str, ...]:
    """The parameters that take part in a direction along which the summed curvature vanishes."""
    A = -summed.hessian
    used = np.flatnonzero((np.abs(A).max(axis=1) > 0.0) | (np.arange(layout.size) < layout.p))
    root = np.sqrt(np.where(A.diagonal() > 0.0, A.diagonal(), 1.0))
    values, vectors = np.linalg.eigh((A / root[:, None] / root[None, :])[np.ix_(used, used)])
    flat = np.abs(vectors[:, values < FLAT]).max(axis=1, initial=0.0)
    return tuple(layout.names[k] for k, size in zip(used, flat, strict=True) if size > TAKES_PART)
