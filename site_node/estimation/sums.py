"""Sums over rows: by group, and weighted cross-products in blocks that stay in a core's cache.

Values per row have the rows on their last axis, values per group the groups on their first. The order of every sum is fixed
by the rows alone, so a reply is a function of (rows, psi).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Annotated, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shared.parameters import Matrix, Vector
from site_node.estimation.rows import Index

Array = NDArray[np.float64]

_BY_GROUP = ("by group",)
ByGroup: TypeAlias = Annotated[NDArray[np.float64], "by group"]
"""Of a piece's sums a field that holds them by group, (G, ...); any other field is a total."""

BLOCK_ROWS = 8_192
LOOP_FROM = 500
"""Rows a group from which one BLAS call a group is as fast as a sparse product over all groups; before, the calls' overhead
counts, all the more as the threads cannot share it."""


@dataclass(frozen=True)
class Additive:
    """Several sums over rows: two of them add up field by field."""

    def __add__(self, other: Self) -> Self:
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return type(self)(*(None if a is None else a + b for a, b in pairs))


def put_together(parts: Sequence[tuple[slice, Any]], groups: int) -> Any:
    """The sums over a slab's rows from those over its pieces: totals add up, sums by group find their groups.

    Args:
        parts: the groups of each piece, and its sums: an array by group, or a dataclass.
        groups: of the slab.
    """
    first = parts[0][1]
    if len(parts) == 1 or first is None:
        return first
    if isinstance(first, np.ndarray):
        whole = np.zeros((groups, *first.shape[1:]))
        for of, part in parts:
            whole[of] += part
        return whole
    values = []
    for one in fields(first):
        own = [(of, getattr(part, one.name)) for of, part in parts]
        together = own[0][1] is None or is_dataclass(own[0][1]) or getattr(one.type, "__metadata__", ()) == _BY_GROUP
        values.append(put_together(own, groups) if together else reduce(add, (value for _, value in own)))
    return type(first)(*values)


def by_group(values: Array, starts: Index) -> Array:
    """Sum the last axis over each group: (..., n) to (G, ...)."""
    if values.size == 0:
        return np.zeros((len(starts) - 1, *values.shape[:-1]))
    return np.moveaxis(np.add.reduceat(values, starts[:-1], axis=-1), -1, 0)


def to_rows(values: Array, starts: Index) -> Array:
    """Give each row its group's value: (G, ...) to (..., n)."""
    return np.repeat(np.moveaxis(values, 0, -1), np.diff(starts), axis=-1)


def dot_by_row(A: Matrix, values: Array, starts: Index) -> Vector:
    """For each row the inner product of its a with its group's value: (q, n) and (G, q) to (n,)."""
    product = np.zeros(A.shape[1])
    for a, value in zip(A, values.T, strict=True):
        product += a * to_rows(value, starts)
    return product


def quadratic_by_row(A: Matrix, M: Array, starts: Index) -> Vector:
    """For each row a'Ma with the symmetric M of its group: (q, n) and (G, q, q) to (n,)."""
    product = np.zeros(A.shape[1])
    for i, j in zip(*np.tril_indices(len(A)), strict=True):
        product += A[i] * A[j] * to_rows(M[:, i, j] * (1.0 if i == j else 2.0), starts)
    return product


def outer_by_group(A: Matrix, weight: Vector, starts: Index) -> Array:
    """For each group the sum of w a a': (q, n) and (n,) to (G, q, q)."""
    sums = np.zeros((len(starts) - 1, len(A), len(A)))
    for i, j in zip(*np.tril_indices(len(A)), strict=True):
        sums[:, i, j] = sums[:, j, i] = by_group(weight * A[i] * A[j], starts)
    return sums


def weighted_by_group(W: Matrix, X: Matrix, starts: Index) -> Array:
    """For every group the product W X over its rows: (k, n) and (n, p) to (G, k, p)."""
    groups, k = len(starts) - 1, len(W)
    if k == 0 or X.shape[1] == 0:
        return np.zeros((groups, k, X.shape[1]))
    if W.shape[1] >= LOOP_FROM * groups:
        return np.stack([W[:, a:b] @ X[a:b] for a, b in pairwise(starts.tolist())])
    rows = np.arange(W.shape[1])
    return np.stack([sparse.csr_array((w, rows, starts), shape=(groups, len(w))) @ X for w in W], axis=1)


def weighted_cross_product(X: Matrix, v: Vector) -> Matrix:
    """X' diag(v) X, for weights of any sign."""
    product = np.zeros((X.shape[1], X.shape[1]))
    for first in range(0, len(X), BLOCK_ROWS):
        block, weight = X[first : first + BLOCK_ROWS], v[first : first + BLOCK_ROWS]
        if (weight <= 0.0).all():  # nearly always: then BLAS can use the symmetry, at half the cost
            scaled = np.sqrt(-weight)[:, None] * block
            product -= scaled.T @ scaled
        else:
            product += block.T @ (weight[:, None] * block)
    return np.asarray((product + product.T) / 2.0)
