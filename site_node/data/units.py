"""Who a row is about, as far as a site has to know it again: a keyed hash of what the row says.

A row keeps its id when the file is written again, in another order or with others added, and gets another one when a value
changes. The key is the site's own, so that ids tell nothing to whoever does not have it.
"""

import hashlib
import hmac
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.uint64]
"""A unit each."""

_BYTES = 8
_STRIDE = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that its multiples are all different."""


def unit_ids(contents: NDArray[np.uint64], secret: bytes) -> Ids:
    """The ids of rows, (n,), all different: equal rows are told apart by how many of them came before.

    Args:
        contents: what each row says, a number a cell, (n, columns).
        secret: the site's own.
    """
    key = hmac.digest(secret, b"fedglmm unit ids", "sha256")
    rows = contents.astype("<u8", order="C", copy=False)
    digests = b"".join(hashlib.blake2b(row, digest_size=_BYTES, key=key).digest() for row in rows)
    return _told_apart(np.frombuffer(digests, dtype="<u8").astype(np.uint64))


def _told_apart(hashes: Ids) -> Ids:
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    begins = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))[: len(hashes)]
    before = np.arange(len(hashes)) - np.repeat(begins, np.diff(np.append(begins, len(hashes))))
    ids = np.empty_like(hashes)
    ids[order] = ranked + before.astype(np.uint64) * _STRIDE
    return ids
