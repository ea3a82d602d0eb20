"""The keystream that two sites share for one message: AES-256 in counter mode, under one key a pair and analysis.

    cipher key, block key = HKDF-Expand-SHA-256(X25519 secret, both names)
    keystream = AES-256-CTR under the cipher key, from the block = HMAC-SHA-256(block key, context), its first 16 bytes

The context's part is keyed too: nobody without the secret can look for two contexts whose blocks overlap, and by chance they do
so as good as never (docs/decisions/0022-one-cipher-for-each-pair.md). Made once, a cipher is only set to another block.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from shared.framing import framed
from shared.masking.encoding import BYTES, Fixed

AT_ONCE = 2**20
"""Bytes of keystreams that are made and then added up together: few enough to stay in a cache."""
_PAIR = "fedglmm pair 2"
_KEY_BYTES, _BLOCK_BYTES = 32, 16


class Keystream:
    """What two sites share. One message at a time: its cipher has a place."""

    def __init__(self, secret: bytes, names: tuple[str, str]) -> None:
        """Of their X25519 secret, 32 bytes, and their names in roster order."""
        keys = HKDFExpand(SHA256(), 2 * _KEY_BYTES, framed(_PAIR, *names)).derive(secret)
        self._block = HMAC(keys[_KEY_BYTES:], SHA256())
        self._cipher = Cipher(AES(keys[:_KEY_BYTES]), CTR(bytes(_BLOCK_BYTES))).encryptor()

    def write(self, context: bytes, zeros: bytes, into: memoryview) -> None:
        """Writes the keystream of a context over as many bytes as there are zeros to encrypt."""
        block = self._block.copy()  # with the key taken in already
        block.update(context)
        self._cipher.reset_nonce(block.finalize()[:_BLOCK_BYTES])
        self._cipher.update_into(zeros, into)


def stacks(keystreams: Sequence[Keystream], context: bytes, length: int) -> Iterator[Fixed]:
    """Their numbers for a context, some at a time, (k, length, 2): each stack is written over the last one."""
    size = BYTES * length
    width = max(1, min(len(keystreams), AT_ONCE // size))
    numbers, zeros = np.empty((width, length, 2), "<u8"), bytes(size)
    written = numbers.reshape(-1).view(np.uint8).data
    places = [written[at * size : (at + 1) * size] for at in range(width)]
    for at in range(0, len(keystreams), width):
        some = keystreams[at : at + width]
        for keystream, place in zip(some, places[: len(some)], strict=True):
            keystream.write(context, zeros, place)
        yield numbers[: len(some)]
