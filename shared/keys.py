"""What a key must be, on both sides: printable ASCII, and long where other machines can try it."""

import re

from pydantic import SecretStr

from shared.errors import SettingsError

SHORTEST = 16
"""Characters of a key beyond loopback."""


def checked_key(key: str, *, where: str, exposed: bool) -> SecretStr:
    """A key that can be used.

    Args:
        key: as it was read.
        where: the file, and the line if it has several.
        exposed: whether other machines can reach what the key opens.

    Raises:
        SettingsError: it is none; without quoting it.
    """
    if not key:
        raise SettingsError("there is no key.", where=where, remedy="Write `key`, or `name:key` for an analyst.")
    if ":" in key:
        raise SettingsError("a key holds no colon.", where=where, remedy="Only an analyst's name ends with one.")
    if not re.fullmatch(r"[!-~]+", key):
        raise SettingsError(
            "a key is printable ASCII without blanks.", where=where, remedy="Make one with `openssl rand -hex 16`."
        )
    if exposed and len(key) < SHORTEST:
        raise SettingsError(
            f"the key has fewer than {SHORTEST} characters, and other machines can try it.",
            where=where,
            remedy="Make a longer one with `openssl rand -hex 16`.",
        )
    return SecretStr(key)
