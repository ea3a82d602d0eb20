"""Identities: an Ed25519 key (RFC 8032) in a file of its owner's, and signatures that say what they are for.

A signature is over the domain and the message, each behind its length, so one that was made for one purpose does for no other.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.errors import SettingsError
from shared.framing import framed
from shared.keys import make_secret, others_can_read

_REMEDY = "Put the old file back; a new key is another identity, and the consortium must agree on it."


@dataclass(frozen=True, repr=False)
class Identity:
    """A private signing key."""

    key: Ed25519PrivateKey

    @property
    def public_hex(self) -> str:
        """The public key, as it stands in the consortium file: 64 hexadecimal digits."""
        return self.key.public_key().public_bytes_raw().hex()

    def sign(self, domain: str, message: bytes) -> bytes:
        """The signature, 64 bytes, of a message in a domain."""
        return self.key.sign(framed(domain, message))


def make_identity(path: Path) -> Identity:
    """Writes a new private key for its owner only, unless the file is there, and reads it.

    RFC 8032's private key is 32 random bytes: what `make_secret` writes.

    Raises:
        SettingsError: as `read_identity`.
    """
    make_secret(path)
    return read_identity(path)


def read_identity(path: Path) -> Identity:
    """The private key in a file.

    Raises:
        SettingsError: others can read the file, it cannot be read, or it holds no key; without quoting it.
    """
    if others_can_read(path):
        raise SettingsError(
            "others than its owner can read the signing key.", where=str(path), remedy=f"chmod 600 {path.name}"
        )
    try:
        seed = bytes.fromhex(path.read_text(encoding="ascii"))
        return Identity(Ed25519PrivateKey.from_private_bytes(seed))
    except OSError as error:
        raise SettingsError(
            f"the signing key cannot be read: {error.strerror}.", where=str(path), remedy=_REMEDY
        ) from None
    except ValueError:
        raise SettingsError("the file holds no signing key.", where=str(path), remedy=_REMEDY) from None


def verify(public_hex: str, domain: str, message: bytes, signature: bytes) -> bool:
    """Whether whoever has the private key of `public_hex` signed this message in this domain."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex)).verify(signature, framed(domain, message))
    except (InvalidSignature, ValueError):
        return False
    return True
