"""Rows as far as a site has to know them again: a keyed hash of what a row says, and one of whom it is about.

A row keeps its id when the file is written again, in another order or with others added, and gets another one when a value
changes. The keys are the site's own, so that ids tell nothing to whoever does not have them.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.uint64]
"""Hashes."""

_BYTES = 8
_STRIDE = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that its multiples are all different."""


@dataclass(frozen=True)
class Known:
    """Rows of a file."""

    rows: Ids
    """What each says, all different, (n,)."""
    units: Ids
    """Whom each is about, (n,): the privacy unit, or the row itself."""

    @classmethod
    def of(cls, contents: NDArray[np.uint64], secret: bytes, unit: int | None = None) -> "Known":
        """Equal rows are told apart by how many of them came before.

        Args:
            contents: what each row says, a number a cell, (n, columns).
            secret: the site's own.
            unit: the column of the privacy unit.
        """
        rows = _told_apart(_hashed(contents, hmac.digest(secret, b"fedglmm unit ids", "sha256")))
        if unit is None:
            return cls(rows, rows)
        values, of_row = np.unique(contents[:, unit], return_inverse=True)
        return cls(rows, _hashed(values[:, None], hmac.digest(secret, b"fedglmm privacy units", "sha256"))[of_row])

    def among(self, chosen: NDArray[np.bool_ | np.intp]) -> "Known":
        """Some of them, by where they stand."""
        return Known(self.rows[chosen], self.units[chosen])


def _hashed(contents: NDArray[np.uint64], key: bytes) -> Ids:
    rows = contents.astype("<u8", order="C", copy=False)
    digests = b"".join(hashlib.blake2b(row, digest_size=_BYTES, key=key).digest() for row in rows)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _told_apart(hashes: Ids) -> Ids:
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    begins = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))[: len(hashes)]
    before = np.arange(len(hashes)) - np.repeat(begins, np.diff(np.append(begins, len(hashes))))
    ids = np.empty_like(hashes)
    ids[order] = ranked + before.astype(np.uint64) * _STRIDE
    return ids
