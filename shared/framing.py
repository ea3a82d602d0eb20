"""Several texts or byte strings as one: each behind its length, so that no two sequences give the same bytes.

What is hashed, signed or made into a key is written this way; its first part is the domain, which says what it is for.
"""

import struct

_LENGTH = struct.Struct("<Q")


def framed(*parts: bytes | str) -> bytes:
    """The parts, texts as UTF-8, each behind its length in eight bytes, little-endian."""
    as_bytes = (part.encode() if isinstance(part, str) else part for part in parts)
    return b"".join(_LENGTH.pack(len(part)) + part for part in as_bytes)
