"""The hinge of everything: a log-likelihood's value, gradient and Hessian at one psi. Contributions add up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.errors import ContributionError
from shared.parameters import Matrix, ParameterLayout, Stack, Vector
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
    information: Stack | None = None
    """Of a restricted likelihood: the derivatives in theta of X'V^-1 X, (k, p, p), each symmetric."""

    def __post_init__(self) -> None:
        size = self.gradient.shape[0] if self.gradient.ndim == 1 else -1
        if self.hessian.shape != (size, size):
            raise ContributionError(f"gradient {self.gradient.shape} and Hessian {self.hessian.shape} do not fit.")
        information = np.zeros((0, 0, 0)) if self.information is None else self.information
        if information.ndim != 3 or information.shape[1] != information.shape[2]:  # noqa: PLR2004 -- a stack of matrices
            raise ContributionError(f"information {information.shape} is no stack of square matrices.")
        parts = (self.value, self.gradient, self.hessian, information)
        if not all(np.isfinite(part).all() for part in parts):
            raise ContributionError("it holds a number that is not finite.")
        if not (_is_symmetric(self.hessian) and all(map(_is_symmetric, information))):
            raise ContributionError("its Hessian is not symmetric.")

    @property
    def is_worthless(self) -> bool:
        """Whether the log-likelihood is not finite at some site."""
        return self.value <= WORTHLESS

    @property
    def size(self) -> int:
        """P, the number of parameters."""
        return len(self.gradient)


def worthless(layout: ParameterLayout) -> Contribution:
    """The contribution at a point where the log-likelihood is not finite."""
    P, p = layout.size, layout.p
    information = np.zeros((layout.information_size, p, p)) if layout.restricted else None
    return Contribution(WORTHLESS, np.zeros(P), np.zeros((P, P)), information)


def total(contributions: Sequence[Contribution]) -> Contribution:
    """The sum, each entry rounded once, so it does not depend on the order of the sites.

    Raises:
        ContributionError: they differ in size, or there are none.
    """
    if len({packed.shape for packed in map(_packed, contributions)}) != 1:
        raise ContributionError("contributions of different sizes cannot be added.")
    summed = column_sums(np.stack([_packed(one) for one in contributions]))
    size, information = contributions[0].size, contributions[0].information
    value, gradient, triangles = np.split(summed, [1, 1 + size])
    hessian, rest = np.split(triangles, [size * (size + 1) // 2])
    if information is not None and len(information):  # without theta there is nothing to add
        information = np.array([symmetric(one, information.shape[1]) for one in rest.reshape(len(information), -1)])
    return Contribution(float(value[0]), gradient, symmetric(hessian, size), information)


def _packed(contribution: Contribution) -> Vector:
    """Value, gradient, and the lower triangles of the Hessian and of the information's matrices."""
    stack = [] if contribution.information is None else list(contribution.information)
    triangles = [triangle(matrix) for matrix in (contribution.hessian, *stack)]
    return np.concatenate(([contribution.value], contribution.gradient, *triangles))


def _is_symmetric(matrix: Matrix) -> bool:
    if np.array_equal(matrix, matrix.T):  # as from a triangle
        return True
    root = np.sqrt(np.abs(matrix.diagonal()))
    return not (np.abs(matrix - matrix.T) > ASYMMETRY * (np.outer(root, root) + np.abs(matrix))).any()


def triangle(matrix: Matrix) -> Vector:
    """The lower triangle of a symmetric matrix, row by row."""
    return np.asarray(matrix[np.tri(len(matrix), dtype=bool)])


def symmetric(packed: Vector, size: int) -> Matrix:
    """A symmetric matrix from its lower triangle, packed row by row."""
    full, lower = np.zeros((size, size)), np.tri(size, dtype=bool)
    full[lower] = full.T[lower] = packed + 0.0  # there is one zero only
    return full
