"""Sums that are rounded once: the same bits in whatever order the terms come, on every machine.

`math.fsum` adds up one list. Many sums at once are faster as elementwise additions of whole arrays whose rounding errors are
kept (Knuth's TwoSum, exact unless it overflows): all terms = their rounded sum + the errors' rounded sum + the errors'
errors. Where the last are all zero, two numbers are left, and adding them rounds the exact sum once. Elsewhere, and where
anything overflows, `math.fsum` decides.
"""

import math

import numpy as np

from shared.parameters import Matrix, Vector

AT_ONCE = 2**16
"""Terms, so that they and their errors stay in the processor's cache."""


def column_sums(terms: Matrix) -> Vector:
    """The sum of every column of at least one row of terms, to the bit what `math.fsum` gives.

    Raises:
        OverflowError: a sum is too large for float64.
    """
    count, size = terms.shape
    width = max(1, AT_ONCE // count)
    sums = np.empty(size)
    for at in range(0, size, width):
        sums[at : at + width] = _few_column_sums(terms[:, at : at + width])
    return sums


def _few_column_sums(terms: Matrix) -> Vector:
    with np.errstate(over="ignore", invalid="ignore"):
        large, errors = _folded(terms)
        small, lost = _folded(errors)
        sums = np.asarray(large + small)
    for j in np.flatnonzero(lost.any(axis=0) | ~np.isfinite(sums)):  # what overflowed is not a number in `lost`
        sums[j] = math.fsum(terms[:, j].tolist())
    return sums


def _folded(terms: Matrix) -> tuple[Vector, Matrix]:
    """The rounded sum of every column, and the errors of all the additions: together they are exactly the terms' sum."""
    errors = [np.zeros((1, terms.shape[1]))]
    while len(terms) > 1:
        half = len(terms) // 2
        x, y, odd = terms[:half], terms[half : 2 * half], terms[2 * half :]
        added = x + y
        part = added - x
        errors.append((x - (added - part)) + (y - part))
        terms = np.concatenate([added, odd]) if len(odd) else added
    return terms[0], np.concatenate(errors)
