"""What becomes of a trial where a variance is near zero or at zero (docs/model.md: L is even in a column of Lambda)."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from shared.parameters import Matrix, ParameterLayout, Vector

SNAP = 1e-3
"""A column of Lambda shorter than this many standard deviations is tried at zero, once."""
PUSH = 0.1
"""How far to leave a zero that is a saddle, in units of the metric."""


@dataclass(frozen=True)
class Zeros:
    """What was tried with the columns of Lambda: each goes to zero once, leaves it once, and then stays as it is."""

    settled: frozenset[int] = frozenset()
    """Columns that are not tried at zero again: they left it because L rises away from it, or were worse there."""
    held: frozenset[int] = frozenset()
    """Columns for which that gained nothing, however short the push: they are zero."""

    def snap(self, layout: ParameterLayout, trial: Vector, A: Matrix) -> Vector:
        """Put a column that comes close to zero at zero, where by symmetry L is stationary."""
        curvature, snapped = A.diagonal(), trial.copy()
        for column, entries in columns(layout).items():
            if column not in self.settled and _is_small(trial[entries], curvature[entries]):
                snapped[entries] = 0.0
        return snapped

    def untried(self, layout: ParameterLayout, psi: Vector, A: Matrix) -> bool:
        """Whether a column of psi is close to zero, but not there, and was never tried there."""
        return any(
            column not in self.settled and psi[entries].any() and _is_small(psi[entries], A.diagonal()[entries])
            for column, entries in columns(layout).items()
        )

    def push(
        self, layout: ParameterLayout, psi: Vector, trial: Vector, A: Matrix, *, metric: Vector, radius: float
    ) -> Vector:
        """Move a column off zero where L rises away from it: the gradient there is zero and would never do so."""
        pushed = trial.copy()
        for column, k in saddles(layout, psi, A).items():
            if column not in self.held:
                pushed[k] = min(PUSH, radius) / np.sqrt(metric[k])
        return pushed

    def leaving(self, layout: ParameterLayout, psi: Vector, A: Matrix) -> Self:
        """Take note that columns are pushed off zero from psi."""
        return replace(self, settled=self.settled | frozenset(saddles(layout, psi, A)))

    def refused(self, layout: ParameterLayout, psi: Vector, trial: Vector, A: Matrix, *, radius: float) -> Self:
        """Take note that the trial from psi was refused: its zeros, or its pushes once they are within a short radius."""
        zeros = frozenset(
            column for column, entries in columns(layout).items() if psi[entries].any() and not trial[entries].any()
        )
        held = frozenset(saddles(layout, psi, A)) if radius <= SNAP else frozenset()
        return replace(self, settled=self.settled | zeros, held=self.held | held)


def _is_small(entries: Vector, curvature: Vector) -> bool:
    """Whether each entry is shorter than SNAP standard deviations."""
    return bool(((curvature > 0.0) & (entries * entries * curvature < SNAP * SNAP)).all())


def columns(layout: ParameterLayout) -> dict[int, list[int]]:
    """The positions in psi of each column of Lambda."""
    found: dict[int, list[int]] = {}
    for k, (_, b) in enumerate(layout.theta_entries, start=layout.p):
        found.setdefault(b, []).append(k)
    return found


def saddles(layout: ParameterLayout, psi: Vector, A: Matrix) -> dict[int, int]:
    """The columns of Lambda that are zero at psi though L rises away from it, and the entry along which it rises most."""
    found = {}
    for column, entries in columns(layout).items():
        steepest = min(entries, key=lambda k: A[k, k])
        if all(psi[k] == 0.0 for k in entries) and A[steepest, steepest] < 0.0:
            found[column] = steepest
    return found
