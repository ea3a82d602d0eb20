"""The key that a site makes for one analysis: X25519 (RFC 7748), kept beside the stored answers and erased at the close."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.errors import JoinError

_PRIME = 2**255 - 19


@dataclass(frozen=True, repr=False)
class EphemeralKey:
    """A private key for one analysis."""

    key: X25519PrivateKey

    @classmethod
    def make(cls) -> "EphemeralKey":
        """A new one."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, written: bytes) -> "EphemeralKey":
        """The key that `to_bytes` wrote.

        Raises:
            JoinError: it is not 32 bytes long; without quoting it.
        """
        try:
            return cls(X25519PrivateKey.from_private_bytes(written))
        except ValueError:
            raise JoinError(
                "the stored key of an analysis is damaged.", remedy="Cancel the analysis and submit it again."
            ) from None

    def to_bytes(self) -> bytes:
        """The 32 secret bytes, to be stored."""
        return self.key.private_bytes_raw()

    @property
    def public_hex(self) -> str:
        """The public key, 64 hexadecimal digits."""
        return self.key.public_key().public_bytes_raw().hex()

    def secret_with(self, public_hex: str, *, site: str) -> bytes:
        """The 32 bytes that only this site and `site`, whose public key this is, can compute.

        Raises:
            JoinError: anybody can compute them, because the key is a point of low order; or the key is a second spelling of
                another (RFC 7748 reads coordinates modulo 2^255 - 19 and ignores the top bit), so two equal ones look different.
        """
        public = bytes.fromhex(public_hex)
        secret = self._exchanged(public) if int.from_bytes(public, "little") < _PRIME else None
        if secret is None:
            raise JoinError(
                "its key gives no secret.", where=site, remedy="Let the site make a new one, and do not go on."
            )
        return secret

    def _exchanged(self, public: bytes) -> bytes | None:
        """The secret; None of a point of low order: cryptography raises a `ValueError` where it would be all zeros."""
        try:
            return self.key.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError:
            return None
