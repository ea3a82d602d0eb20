"""Keys in files of their own: printable ASCII, long and private where other machines can reach what they open."""

from pathlib import Path

import structlog
from pydantic import SecretStr

from coordinator.settings import text_of
from shared.errors import SettingsError
from shared.keys import checked_key, others_can_read

LOG = structlog.get_logger(__name__)


def read_key(path: Path, *, exposed: bool = False) -> SecretStr:
    """The one key in a file.

    Args:
        path: the file.
        exposed: whether other machines can reach what the key opens.

    Raises:
        SettingsError: it cannot be read, or holds none that can be used.
    """
    _look_at_mode(path, exposed)
    return checked_key(text_of(path).strip(), where=str(path), exposed=exposed)


def read_keys(path: Path, *, exposed: bool = False) -> tuple[SecretStr, ...]:
    """The analysts' keys in a file: a line each, with or without a name before a colon.

    Args:
        path: the file.
        exposed: whether other machines can reach what the keys open.

    Raises:
        SettingsError: it cannot be read, or a line holds no key that can be used.
    """
    _look_at_mode(path, exposed)
    keys = []
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        if line.strip() and not line.strip().startswith("#"):
            name, colon, key = line.partition(":")
            keys.append(checked_key((key if colon else name).strip(), where=f"{path}, line {number}", exposed=exposed))
    if not keys:
        raise SettingsError("the file holds no key.", where=str(path), remedy="Write `name:key`, a line each.")
    return tuple(keys)


def _look_at_mode(path: Path, exposed: bool) -> None:
    """Others than the owner should not read a key file; whether it can be read at all is told when it is."""
    if not others_can_read(path):
        return
    if exposed:
        raise SettingsError(
            "others than its owner can read the key file.", where=str(path), remedy=f"chmod 600 {path.name}"
        )
    LOG.warning("key_file_readable_by_others", file=str(path), remedy=f"chmod 600 {path.name}")
