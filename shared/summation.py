"""Sums that are rounded once: the same bits in whatever order the terms come, on every machine.

`math.fsum` adds up one list. Many sums at once are faster as sums of two slices of all terms: each term is cut at a power of two
that lies so high above the largest that what is above the cut adds up exactly, in any order; and what is below it, once more
(Rump, Ogita and Oishi 2008, ExtractVector). If nothing is left, adding the two exact sums rounds once. All columns are cut alike,
which is fastest, and those that are small beside others once more, each by its own largest. Elsewhere, where terms of a column
differ in size by more than some 2^40, and where anything overflows, `math.fsum` decides.
"""

import math

import numpy as np
from numpy.typing import NDArray

from shared.parameters import Matrix, Vector

AT_ONCE = 2**16
"""Terms, so that they and their slices stay in the processor's cache."""
_MANTISSA = 53
"""Bits of a float64."""


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
    bits = (len(terms) - 1).bit_length()
    with np.errstate(over="ignore", invalid="ignore"):
        sums, lost = _in_slices(terms, float(_above(np.abs(terms).max(), bits)), bits)
        if not lost.any():
            return sums
        again = np.flatnonzero(lost)
        own = terms[:, again]
        sums[again], lost = _in_slices(own, _above(np.abs(own).max(axis=0), bits), bits)
    for j in again[lost]:
        sums[j] = math.fsum(terms[:, j].tolist())
    return sums


def _in_slices(terms: Matrix, cut: Vector | float, bits: int) -> tuple[Vector, NDArray[np.bool_]]:
    """The sums of the columns, of terms cut there and once more, and for which of them that was not enough."""
    high = terms + cut
    high -= cut
    rest = terms - high
    cut = cut * 2.0 ** (bits - _MANTISSA)  # as many bits above what may be left of a term
    low = rest + cut
    low -= cut
    sums = high.sum(axis=0) + low.sum(axis=0)
    rest -= low
    lost = ~np.isfinite(sums)
    return sums, lost | rest.any(axis=0) if rest.any() else lost


def _above(largest: Vector, bits: int) -> Vector:
    """Powers of two that many bits above."""
    return np.asarray(np.ldexp(1.0, np.frexp(largest)[1] + bits))
