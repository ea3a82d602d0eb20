"""The hinge of everything: a log-likelihood's value, gradient and Hessian at one psi. Contributions add up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.errors import ContributionError
from shared.parameters import Matrix, Vector
from shared.summation import column_sums

WORTHLESS = -1e100
"""The value of a point where the log-likelihood is not finite: a lawful answer, which the step refuses like any loss."""
ASYMMETRY = 1e-9
"""Relative asymmetry that rounding cannot explain."""


@dataclass(frozen=True)
class Contribution:
    """L, L' and L'' of a set of rows, in psi. Shape, finiteness and symmetry are checked here and nowhere else.

    Raises:
        ContributionError: when made of anything else.
    """

    value: float
    gradient: Vector
    """(P,)"""
    hessian: Matrix
    """(P, P), symmetric."""

    def __post_init__(self) -> None:
        size = self.gradient.shape[0] if self.gradient.ndim == 1 else -1
        if self.hessian.shape != (size, size):
            raise ContributionError(f"gradient {self.gradient.shape} and Hessian {self.hessian.shape} do not fit.")
        if not (math.isfinite(self.value) and np.isfinite(self.gradient).all() and np.isfinite(self.hessian).all()):
            raise ContributionError("it holds a number that is not finite.")
        root = np.sqrt(np.abs(self.hessian.diagonal()))
        scale = np.outer(root, root) + np.abs(self.hessian)
        if (np.abs(self.hessian - self.hessian.T) > ASYMMETRY * scale).any():
            raise ContributionError("its Hessian is not symmetric.")

    @property
    def is_worthless(self) -> bool:
        """Whether the log-likelihood is not finite at some site."""
        return self.value <= WORTHLESS

    @property
    def size(self) -> int:
        """P, the number of parameters."""
        return len(self.gradient)


def worthless(size: int) -> Contribution:
    """The contribution at a point where the log-likelihood is not finite."""
    return Contribution(WORTHLESS, np.zeros(size), np.zeros((size, size)))


def total(contributions: Sequence[Contribution]) -> Contribution:
    """The sum, each entry rounded once, so it does not depend on the order of the sites.

    Raises:
        ContributionError: they differ in size, or there are none.
    """
    if len({contribution.size for contribution in contributions}) != 1:
        raise ContributionError("contributions of different sizes cannot be added.")
    size = contributions[0].size
    lower = np.tri(size, dtype=bool)
    summed = column_sums(np.stack([np.concatenate(([c.value], c.gradient, c.hessian[lower])) for c in contributions]))
    return Contribution(float(summed[0]), summed[1 : size + 1], symmetric(summed[size + 1 :], size))


def symmetric(packed: Vector, size: int) -> Matrix:
    """A symmetric matrix from its lower triangle, packed row by row."""
    full = np.zeros((size, size))
    full[np.tri(size, dtype=bool)] = packed
    return np.asarray(full + np.tril(full, -1).T)
