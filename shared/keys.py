"""Keys, on both sides: what one must be, how one is made, and where its file may be readable by others."""

import os
import re
import secrets
import stat
from pathlib import Path

from pydantic import SecretStr

from shared.errors import SettingsError

SHORTEST = 16
"""Characters of a key beyond loopback."""
MOUNTED = Path("/run/secrets")
"""Where container engines mount secrets."""
_RANDOM_BYTES = 32


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
        raise SettingsError("there is no key.", where=where, remedy="Write the key, and nothing else.")
    if ":" in key:
        raise SettingsError(
            "a key holds no colon.", where=where, remedy="Write the key alone, without a name before it."
        )
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


def make_secret(path: Path) -> None:
    """Writes a random text that does as a key, for its owner only, unless the file is there."""
    if path.exists():
        return
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(_RANDOM_BYTES) + "\n", encoding="ascii")


def others_can_read(path: Path) -> bool:
    """Whether others than its owner can read a file that holds a secret. One that an engine mounted does as it is."""
    if os.name != "posix" or not path.exists() or _is_mounted(path):
        return False
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _is_mounted(path: Path) -> bool:
    """Whether a container engine mounted the file as a secret, read-only and under /run/secrets.

    Docker and Kubernetes do so with mode 0444 and leave it to nobody in the container to change that; who reads it there is
    within the container.
    """
    real = path.resolve()
    return real.is_relative_to(MOUNTED) and bool(os.statvfs(real).f_flag & os.ST_RDONLY)
