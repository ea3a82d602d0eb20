"""Sums over rows: by group, and weighted cross-products in blocks that stay in a core's cache.

They are the only passes over X. Their order is fixed by the rows alone, so a reply is a function of (rows, psi).
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shared.parameters import Matrix, Vector
from site_node.estimation.rows import Index

BLOCK_ROWS = 8_192
LOOP_FROM = 128
"""Rows a group from which one BLAS call a group beats a sparse product over all groups."""


def by_group(values: NDArray[np.float64], starts: Index) -> NDArray[np.float64]:
    """Sum the leading axis over each group: (n, ...) to (G, ...)."""
    if values.size == 0:
        return np.zeros((len(starts) - 1, *values.shape[1:]))
    return np.asarray(np.add.reduceat(values, starts[:-1], axis=0))


def to_rows(values: NDArray[np.float64], starts: Index) -> NDArray[np.float64]:
    """Give each row its group's value: (G, ...) to (n, ...)."""
    return np.repeat(values, np.diff(starts), axis=0)


def weighted_by_group(W: Matrix, X: Matrix, starts: Index) -> NDArray[np.float64]:
    """For every group the product W'X over its rows: (n, k) and (n, p) to (G, k, p)."""
    groups, k = len(starts) - 1, W.shape[1]
    if k == 0 or X.shape[1] == 0:
        return np.zeros((groups, k, X.shape[1]))
    if len(W) >= LOOP_FROM * groups:
        return np.stack([W[a:b].T @ X[a:b] for a, b in pairwise(starts)])
    rows = np.arange(len(W))
    products = [sparse.csr_array((w, rows, starts), shape=(groups, len(W))) @ X for w in np.ascontiguousarray(W.T)]
    return np.stack(products, axis=1)


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
