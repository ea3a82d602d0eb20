"""Masks that cancel: every pair of sites shares one, which one of them adds and the other subtracts.

    mask_i = sum_{j > i} m_ij - sum_{j < i} m_ij  (mod 2^128),    m_ij = the keystream of i and j for this context

Each sum but the total over all sites looks uniformly random. A keystream depends on the whole context, so it is used for one
message; sites that differ in anything have masks that do not cancel. Never mask two messages in one context: their difference
is the messages' own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from threading import Lock

import numpy as np

from shared.errors import JoinError
from shared.framing import framed
from shared.masking.encoding import Fixed, subtract, total
from shared.masking.ephemeral import EphemeralKey
from shared.masking.keystreams import Keystream, stacks
from shared.masking.session import Join, in_roster_order

_CONTEXT = "fedglmm context 1"


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
    _one_at_a_time: Lock = field(default_factory=Lock, compare=False)

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
        """The site's own mask, (length, 2): over all sites such masks sum to zero. For any number of threads."""
        with self._one_at_a_time:
            before, after = (stacks(some, context.written, length) for some in self._keystreams)
            return combined(before, after, length)

    @cached_property
    def _keystreams(self) -> tuple[list[Keystream], list[Keystream]]:
        """With the sites before this one in the roster, and with those after it."""
        name, own = self.roster[self.own], self.own
        pairs = [*((other, name) for other in self.roster[:own]), *((name, other) for other in self.roster[own + 1 :])]
        each = [Keystream(secret, pair) for secret, pair in zip(self.secrets, pairs, strict=True)]
        return each[:own], each[own:]


def combined(before: Iterable[Fixed], after: Iterable[Fixed], length: int) -> Fixed:
    """The mask of a site, (length, 2).

    Args:
        before: what it shares with the sites before it in the roster, each (length, 2), or stacks of them, (k, length, 2);
            one at a time is in memory.
        after: what it shares with those after it.
        length: entries of each.
    """
    zero = np.zeros((length, 2), np.uint64)
    return subtract(total(chain([zero], after)), total(chain([zero], before)))
