"""Masks that cancel: every pair of sites shares one, which one of them adds and the other subtracts.

    mask_i = sum_{j > i} m_ij - sum_{j < i} m_ij  (mod 2^128),    m_ij = AES-256-CTR keystream of key_ij
    key_ij = HKDF-Expand-SHA-256(X25519 secret of i and j, context and both names)

Each sum but the total over all sites looks uniformly random. The key depends on the whole context, so it is used for one
message, and counting may begin at zero; sites that differ in anything have masks that do not cancel. Never mask two messages
in one context: their difference is the messages' own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from shared.errors import JoinError
from shared.framing import framed
from shared.masking.encoding import BYTES, Fixed, from_bytes, subtract, total
from shared.masking.ephemeral import EphemeralKey
from shared.masking.session import Join, in_roster_order

_CONTEXT, _PAIR = "fedglmm context 1", "fedglmm pair 1"
_KEY_BYTES = 32
_FIRST_BLOCK = bytes(16)


@dataclass(frozen=True)
class Context:
    """What a mask is for: one message of one analysis, after one history."""

    session: bytes
    """Of all sites' joins: `session_of`."""
    kind: str
    """Of the message."""
    sequence: int
    """The message's number in the analysis."""
    last_root: bytes
    """Hash of the last verified root; empty before the first."""
    state: bytes
    """Hash of the optimiser's state, psi included."""

    @property
    def written(self) -> bytes:
        """Canonical: no two contexts are written alike."""
        return framed(_CONTEXT, self.session, self.kind, str(self.sequence), self.last_root, self.state)


@dataclass(frozen=True, repr=False)
class PairSecrets:
    """What a site shares with each other site of an analysis."""

    roster: tuple[str, ...]
    own: int
    """The site's place in the roster."""
    secrets: tuple[bytes, ...]
    """Of the others, in roster order without the site itself."""

    @classmethod
    def of(cls, key: EphemeralKey, joins: Sequence[Join]) -> "PairSecrets":
        """The secrets of the site whose key this is.

        Args:
            key: its own.
            joins: of all sites, after `check_joins`.

        Raises:
            JoinError: the key is none of theirs, a site is missing, or a site's key gives no secret.
        """
        ordered = in_roster_order(joins)
        own = next((i for i, one in enumerate(ordered) if one.public_key == key.public_hex), None)
        if own is None:
            raise JoinError("no site signed this site's key.", remedy="Cancel the analysis and submit it again.")
        others = (*ordered[:own], *ordered[own + 1 :])
        secrets = tuple(key.secret_with(one.public_key, site=one.site) for one in others)
        return cls(tuple(one.site for one in ordered), own, secrets)

    def mask(self, context: Context, length: int) -> Fixed:
        """The site's own mask, (length, 2): over all sites such masks sum to zero."""
        name, before, after = self.roster[self.own], self.roster[: self.own], self.roster[self.own + 1 :]
        pairs = [*((other, name) for other in before), *((name, other) for other in after)]
        written, zeros = context.written, bytes(BYTES * length)
        shared = (
            from_bytes(_keystream(_pair_key(secret, written, pair), zeros))
            for secret, pair in zip(self.secrets, pairs, strict=True)
        )
        return combined(self.own, shared, length)


def combined(own: int, shared: Iterable[Fixed], length: int) -> Fixed:
    """The mask of the site at place `own`, (length, 2).

    Args:
        own: the site's place in the roster.
        shared: what it shares with the others, in roster order without itself, each (length, 2); one at a time is in memory.
        length: entries of each.
    """
    zero, others = np.zeros((length, 2), np.uint64), iter(shared)
    before = total(chain([zero], islice(others, own)))
    return subtract(total(chain([zero], others)), before)


def _pair_key(secret: bytes, context: bytes, names: tuple[str, str]) -> bytes:
    return HKDFExpand(SHA256(), _KEY_BYTES, framed(_PAIR, context, *names)).derive(secret)


def _keystream(key: bytes, zeros: bytes) -> bytes:
    """As many bytes as there are zeros to encrypt."""
    return Cipher(AES(key), CTR(_FIRST_BLOCK)).encryptor().update(zeros)
