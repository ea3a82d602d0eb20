"""Arithmetic that gives the same bits on every machine: what the step is made of, because sites replay it.

Elementwise float64 operations and `math.fsum` are correctly rounded everywhere; BLAS, LAPACK, `np.exp` and `math.log` are not
the same everywhere. So: dot products by fsum, an LDL' written out, exp and log through `decimal`.
"""

import math
from dataclasses import dataclass
from decimal import Context, Decimal

import numpy as np

from shared.parameters import Matrix, Vector

_DIGITS = Context(prec=30)


def dot(x: Vector, y: Vector) -> float:
    """x'y, the products rounded once each and their sum once."""
    return math.fsum((x * y).tolist())


def exp(x: float) -> float:
    """The exponential, rounded from thirty digits."""
    return float(_DIGITS.exp(Decimal(x)))


def log(x: float) -> float:
    """The natural logarithm of a positive number, rounded from thirty digits."""
    return float(_DIGITS.ln(Decimal(x)))


@dataclass(frozen=True)
class Ldl:
    """A = D^1/2 L diag(d) L' D^1/2 of a symmetric matrix, with D its diagonal scaling; stops at a pivot too small."""

    L: Matrix
    """Unit lower triangular, (P, P)."""
    pivots: Vector
    """d, (P,), relative to a unit diagonal; only the first `rank` are meaningful."""
    root_scale: Vector
    """D^1/2, (P,)."""
    positive: bool
    """Whether every pivot is above the threshold: A is safely positive definite."""

    def solve(self, b: Vector) -> Vector:
        """A^-1 b for a positive A, by substitution."""
        x = b / self.root_scale
        for j in range(len(x)):
            x[j + 1 :] -= self.L[j + 1 :, j] * x[j]
        x = x / self.pivots
        for j in range(len(x) - 1, -1, -1):
            x[:j] -= self.L[j, :j] * x[j]
        return np.asarray(x / self.root_scale)


def ldl(A: Matrix, scale: Vector, smallest_pivot: float) -> Ldl:
    """Factorise A after scaling it by positive `scale`, (P,): to a unit diagonal when scale is A's own.

    Right-looking and without pivoting, each update an elementwise product and a subtraction.
    """
    root = np.sqrt(scale)
    size = len(root)
    work = A / root[:, None] / root[None, :]
    L, pivots = np.eye(size), np.zeros(size)
    for j in range(size):
        pivots[j] = work[j, j]
        if not pivots[j] > smallest_pivot:
            return Ldl(L, pivots, root, positive=False)
        column = work[j + 1 :, j] / pivots[j]
        L[j + 1 :, j] = column
        work[j + 1 :, j + 1 :] -= column[:, None] * work[j + 1 :, j][None, :]
    return Ldl(L, pivots, root, positive=True)
