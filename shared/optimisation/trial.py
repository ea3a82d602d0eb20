"""Corrections of a trial where a variance is near zero or at zero (docs/model.md, The model: L is even in a column of Lambda)."""

import numpy as np

from shared.parameters import Matrix, ParameterLayout, Vector

SNAP = 1e-3
"""A column of Lambda shorter than this many standard deviations is tried at zero."""
PUSH = 0.1
"""How far to leave a zero that is a saddle, in units of the metric."""


def snap_to_zero(layout: ParameterLayout, trial: Vector, A: Matrix) -> Vector:
    """Put a column of Lambda that comes close to zero at zero, where by symmetry L is stationary."""
    curvature, snapped = A.diagonal(), trial.copy()
    for column in range(layout.q):
        entries = [layout.p + k for k, (_, b) in enumerate(layout.theta_entries) if b == column]
        if all(curvature[k] > 0.0 and trial[k] ** 2 * curvature[k] < SNAP**2 for k in entries):
            snapped[entries] = 0.0
    return snapped


def leave_saddle(layout: ParameterLayout, psi: Vector, trial: Vector, A: Matrix, metric: Vector) -> Vector:
    """Push a variance off zero when L rises away from it: the gradient there is zero and would never do so."""
    pushed = trial.copy()
    for k in layout.theta_diagonal:
        if psi[k] == 0.0 and A[k, k] < 0.0:
            pushed[k] = PUSH / np.sqrt(metric[k])
    return pushed
