"""Sites that have agreed on everything that masks depend on, and made their keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.consortium import Consortium, Party
from shared.masking.encoding import Fixed
from shared.masking.ephemeral import EphemeralKey
from shared.masking.session import Agreed, Join, join
from shared.signing import Identity

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
TOMORROW = NOW + timedelta(hours=24)


@dataclass(frozen=True)
class Sites:
    """Everything of a roster's sites, in its order."""

    agreed: Agreed
    identities: tuple[Identity, ...]
    keys: tuple[EphemeralKey, ...]
    joins: tuple[Join, ...]

    def joined(self, at: int, agreed: Agreed | None = None, key: EphemeralKey | None = None) -> Join:
        """What the site at a place signs, if it is to sign something else."""
        name, own = self.agreed.roster[at], key or self.keys[at]
        return join(
            agreed or self.agreed,
            self.identities[at],
            own,
            site=name,
            fingerprint="f" * 64,
            expires=TOMORROW,
            now=NOW,
        )


def identity() -> Identity:
    return Identity(Ed25519PrivateKey.generate())


def sites(*names: str, two_sites_consent: bool = True) -> Sites:
    identities = tuple(identity() for _ in names)
    consortium = Consortium(
        name="Trials",
        dictionary_sha256="d" * 64,
        two_sites_consent=two_sites_consent,
        coordinator=Party(public_key=identity().public_hex),
        sites={name: Party(public_key=one.public_hex) for name, one in zip(names, identities, strict=True)},
    )
    keys = tuple(EphemeralKey.make() for _ in names)
    unsigned = Sites(Agreed(consortium, "analysis-1", "a" * 64, names), identities, keys, ())
    joins = tuple(unsigned.joined(at) for at in range(len(names)))
    return Sites(unsigned.agreed, identities, keys, joins)


def integers(fixed: Fixed) -> list[int]:
    """The entries as signed integers, in units of 2^-64."""
    unsigned = [int(low) | int(high) << 64 for low, high in fixed]
    return [entry - (entry >> 127 << 128) for entry in unsigned]


def fixed(entries: Sequence[int]) -> Fixed:
    """Integers mod 2^128 as a vector."""
    limbs = [(entry % 2**64, (entry >> 64) % 2**64) for entry in entries]
    return np.array(limbs, np.uint64).reshape(-1, 2)
