"""Arithmetic that gives the same bits on every machine: what the step is made of, because sites replay it.

Elementwise float64 + - * / and square roots, and `math.fsum`, are correctly rounded everywhere; BLAS, LAPACK, `np.exp`,
`math.log` and powers are not the same everywhere. So: dot products rounded once, an LDL' written out, exp and log by `decimal`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

import numpy as np

from shared.parameters import Indices, Matrix, Vector
from shared.summation import column_sums

_DIGITS = Context(prec=30)

SMALLEST_PIVOT = 1e-12
"""Of a matrix scaled to a unit diagonal. Below it the rounding of sums hides whether columns differ: columns that differ by
less than a millionth of their size count as equal."""

BLOCK = 13
"""Entries that are substituted for together."""


def dot(x: Vector, y: Vector) -> float:
    """x'y, the products rounded once each and their sum once."""
    return math.fsum((x * y).tolist())


def times(A: Matrix, x: Vector) -> Vector:
    """Ax, each entry a `dot`."""
    return column_sums(A.T * x[:, None])


def times_each(several: Sequence[tuple[Matrix, Vector]]) -> list[Vector]:
    """The `times` of matrices of one size, each with its vector: faster than one by one."""
    terms = np.stack([A.T * x[:, None] for A, x in several], axis=1)
    return list(column_sums(terms.reshape(len(terms), -1)).reshape(len(several), -1))


def product(A: Matrix, B: Matrix) -> Matrix:
    """AB, each entry a `dot`."""
    return np.array([[dot(row, column) for column in B.T] for row in A]).reshape(len(A), B.shape[1])


def principal(A: Matrix, some: Indices) -> Matrix:
    """The rows and the columns of these places."""
    return A.take(some, axis=0).take(some, axis=1)


def exp(x: float) -> float:
    """The exponential, rounded from thirty digits."""
    return float(_DIGITS.exp(Decimal(x)))


def log(x: float) -> float:
    """The natural logarithm of a positive number, rounded from thirty digits."""
    return float(_DIGITS.ln(Decimal(x)))


@dataclass(frozen=True)
class Ldl:
    """A = D^1/2 L diag(d) L' D^1/2 of a symmetric matrix, with D its diagonal scaling; stops at a pivot too small.

    A right side b may be eliminated along with A, at the price of a row; then back substitution is all that its solution needs.
    """

    L: Matrix
    """Unit lower triangular, (P, P)."""
    pivots: Vector
    """d, (P,), relative to a unit diagonal; meaningful up to the first that is too small."""
    root_scale: Vector
    """D^1/2, (P,)."""
    positive: bool
    """Whether every pivot is above the threshold: A is safely positive definite."""
    reduced: Vector
    """diag(d)^-1 L^-1 D^-1/2 b, (P,), of the right side that was eliminated along; 0 if none was."""

    @property
    def solution(self) -> Vector:
        """A^-1 b for a positive A and the b that was eliminated along: what `solve` gives, to the bit."""
        return self._substituted_back(self.reduced)

    def solve(self, b: Vector) -> Vector:
        """A^-1 b for a positive A, by substitution."""
        x = b / self.root_scale
        _substitute(self.L, x)
        return self._substituted_back(x / self.pivots)

    def _substituted_back(self, reduced: Vector) -> Vector:
        x = reduced.copy()
        _substitute(self.L.T[::-1, ::-1], x[::-1])
        return np.asarray(x / self.root_scale)

    def cholesky(self) -> Matrix:
        """The lower triangular C with A = CC' of a positive A."""
        return self.root_scale[:, None] * self.L * np.sqrt(self.pivots)[None, :]


def ldl(A: Matrix, scale: Vector, b: Vector | None = None, smallest_pivot: float = SMALLEST_PIVOT) -> Ldl:
    """Factorise A after scaling it by positive `scale`, (P,): to a unit diagonal when scale is A's own.

    Right-looking and without pivoting, each update an elementwise product and a subtraction. L and what is left of A are held
    transposed, and whole rows are updated: numpy is faster on memory without gaps, and what lies left of the diagonal is not
    read again. The right side b, (P,), is one row more of A: as forward substitution, but without calls of its own.
    """
    root = np.sqrt(scale)
    size = len(root)
    work = np.zeros((size + 1, size + 1))
    work[:size, :size] = (A / root[:, None] / root[None, :]).T
    if b is not None:
        work[size, :size] = b / root
    columns, pivots = np.eye(size, size + 1), np.zeros(size)
    positive = True
    for j, (row, column) in enumerate(zip(work, columns, strict=False)):  # b's row is not one to begin with
        pivot = pivots[j] = row[j]
        if not pivot > smallest_pivot:
            positive = False
            break
        row[size] = work[size, j]
        below = row[j + 1 :]
        column[j + 1 :] = below / pivot
        rest = work[j + 1 :]
        rest -= below[:, None] * column
    return Ldl(columns[:, :size].T, pivots, root, positive, columns[:, size])


def _substitute(L: Matrix, x: Vector) -> None:
    """Puts L^-1 x in place of x, for a unit lower triangular L, in blocks.

    Whatever their size, each entry is what is left of it after one product after the other, in the order of the columns.
    """
    size = len(x)
    for at in range(0, size, BLOCK):
        own, end = slice(at, at + BLOCK), at + BLOCK
        x[own] = _solved(L[own, own].tolist(), x[own].tolist())
        if end < size:
            terms = np.empty((BLOCK + 1, size - end))
            terms[0] = x[end:]
            np.multiply(L[end:, own].T, x[own, None], out=terms[1:])
            x[end:] = np.subtract.reduce(terms, axis=0)  # in this order: unlike a sum, a difference has no other


def _solved(L: list[list[float]], b: list[float]) -> list[float]:
    """The x with Lx = b, in Python's floats: for a few entries they are faster than numpy's calls."""
    x: list[float] = []
    for row, entry in zip(L, b, strict=True):
        rest = entry
        for factor, before in zip(row, x, strict=False):  # what is left of the row's diagonal
            rest -= factor * before
        x.append(rest)
    return x


def positive_ldl(A: Matrix, b: Vector | None = None) -> Ldl | None:
    """The factorisation scaled to a unit diagonal, or None when A is not safely positive definite."""
    diagonal = A.diagonal()
    if not (np.isfinite(diagonal) & (diagonal > 0.0)).all():
        return None
    factored = ldl(A, diagonal, b)
    return factored if factored.positive else None
