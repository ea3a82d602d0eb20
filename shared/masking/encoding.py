"""Exact fixed point: integers mod 2^128 with 64 fractional bits, so that sums do not depend on their order and masks cancel.

An entry is two's complement in two limbs, (low, high). With 64 fractional bits a sum over sites is right to 2^-64 a site;
128 bits leave room for columns that nobody scaled. Too large a number is refused, never clipped.
"""

import secrets
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.errors import EncodingError
from shared.parameters import Vector
from shared.summation import column_sums

Fixed: TypeAlias = NDArray[np.uint64]
"""A vector, (n, 2): the low limb is the fraction, the high one the whole part."""

BYTES = 16
"""Of an entry."""
_LARGEST = 2.0**63
_ONE = 2.0**64
_EXACT = 2.0**40
"""Whole parts below it leave of a sum's rounding at most 53 bits above 2^-64."""
_LIMBS, _HALVES = np.dtype("<u8"), np.dtype("<u4")
_HALF = np.uint64(32)


def encode(values: Vector, parts: int) -> Fixed:
    """Numbers to the nearest multiple of 2^-64, ties to even.

    Args:
        values: (n,)
        parts: how many such vectors will be added: no sum of that many wraps.

    Returns:
        (n, 2)

    Raises:
        EncodingError: an entry is not finite, or at least 2^63 / parts in size. It names the entry and not the number.
    """
    size = np.abs(values)
    unfit = ~(size < _LARGEST / parts)  # so that NaN is among them
    if unfit.any():
        raise EncodingError(
            "it is not finite, or too large to be added up over the sites.",
            where=f"entry {int(unfit.argmax())}, counted from 0",
            remedy="Use its column in a larger unit: agree on a derived variable in the dictionary, such as x / 1000.",
        )
    whole, negative = np.floor(size), values < 0
    low = np.rint((size - whole) * _ONE).astype(np.uint64)  # integers from 2^53 on: never 2^64
    high = whole.astype(np.uint64)
    opposite = ~high + (low == 0)  # two's complement: of the low limb's, only 0 carries
    return np.stack([np.where(negative, -low, low), np.where(negative, opposite, high)], axis=-1)


def decode(fixed: Fixed) -> Vector:
    """The nearest float64 numbers, (n,), ties to even: each rounded once.

    What a rounded sum of two numbers lost is computed exactly (Dekker 1971, Fast2Sum), twice: within the fraction, and as the
    whole part comes to it. Below `_EXACT` both losses, multiples of 2^-64, add up exactly too, so the last addition alone rounds.
    """
    low, high = fixed.T
    whole = high.view(np.int64).astype(np.float64)
    upper, lower = (low >> _HALF) * 2.0**-32, _lower(low) * 2.0**-64
    fraction = upper + lower
    nearest = whole + fraction
    lost = (fraction - (nearest - whole)) + (lower - (fraction - upper))
    decoded = np.asarray(nearest + lost)
    large = np.abs(whole) >= _EXACT
    if large.any():
        decoded[large] = _from_digits(fixed[large])
    return decoded


def noise(length: int) -> Fixed:
    """A vector that hides whatever it is added to, (length, 2): every sum is as likely as any other."""
    return from_bytes(secrets.token_bytes(BYTES * length))


def add(a: Fixed, b: Fixed) -> Fixed:
    """The sum of two vectors mod 2^128.

    Raises:
        EncodingError: they differ in length.
    """
    _same_length(a, b)
    limbs = a + b
    limbs[:, 1] += limbs[:, 0] < a[:, 0]  # the carry
    return limbs


def subtract(a: Fixed, b: Fixed) -> Fixed:
    """The difference of two vectors mod 2^128.

    Raises:
        EncodingError: they differ in length.
    """
    _same_length(a, b)
    limbs = a - b
    limbs[:, 1] -= a[:, 0] < b[:, 0]  # the borrow
    return limbs


def total(parts: Iterable[Fixed]) -> Fixed:
    """The sum mod 2^128 of fewer than 2^32 vectors, one after the other: limb by limb mod 2^64, then the carries.

    Of the low limbs the upper halves are added up beside, and nothing of that is lost; so is the sum of the lower halves, which
    is less than 2^64, by what the limbs' own sum has in excess. Both together tell how often the low limbs ran over.

    Args:
        parts: each a vector, (n, 2), or a stack of vectors, (k, n, 2), which are added up faster.

    Returns:
        (n, 2)

    Raises:
        EncodingError: they differ in length, or there are none.
    """
    several = iter(parts)
    first = next(several, None)
    if first is None:
        raise EncodingError("nothing has no sum.", remedy="Let every site answer.")
    limbs, upper = _sums(first)
    for part in several:
        _same_length(first, part)
        more = _sums(part)
        limbs += more[0]
        upper += more[1]
    summed = limbs.reshape(-1, 2)
    lower = summed[:, 0] - (upper << _HALF)
    summed[:, 1] += (upper + (lower >> _HALF)) >> _HALF
    return summed


def to_bytes(fixed: Fixed) -> bytes:
    """16 bytes an entry, little-endian."""
    return fixed.astype(_LIMBS, copy=False).tobytes()


def from_bytes(written: bytes) -> Fixed:
    """The vector that `to_bytes` wrote, (n, 2), read-only.

    Raises:
        EncodingError: it is not a multiple of 16 bytes long.
    """
    if len(written) % BYTES:
        raise EncodingError(
            f"{len(written)} bytes are no vector of {BYTES}-byte numbers.", remedy="Send it again, whole."
        )
    return np.frombuffer(written, _LIMBS).astype(np.uint64, copy=False).reshape(-1, 2)


def _sums(fixed: Fixed) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Over the vectors of a stack: the limbs mod 2^64, (2 n,), and the upper halves of the low ones, (n,), exactly."""
    limbs = fixed.astype(_LIMBS, copy=False).reshape(-1, 2 * fixed.shape[-2])
    upper = limbs.view(_HALVES)[:, 1::4]
    return np.add.reduce(limbs, axis=0, dtype=np.uint64), np.add.reduce(upper, axis=0, dtype=np.uint64)


def _from_digits(fixed: Fixed) -> Vector:
    """What `decode` gives, of entries of any size: the sums of their four 32-bit digits."""
    low, high = fixed.T
    digits = np.stack([high.view(np.int64) >> 32, _lower(high), low >> _HALF, _lower(low)]).astype(np.float64)
    return column_sums(digits * np.array([[2.0**32], [1.0], [2.0**-32], [2.0**-64]]))


def _lower(limbs: Fixed) -> Fixed:
    return limbs & np.uint64(2**32 - 1)


def _same_length(a: Fixed, b: Fixed) -> None:
    if a.shape[-2:] != b.shape[-2:]:
        raise EncodingError("only vectors of one length can be added.", remedy="Let every site encode the same model.")
