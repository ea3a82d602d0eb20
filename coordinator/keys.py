"""Sites' keys in files of their own: printable ASCII, long and private where other machines can reach what they open."""

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
    check_mode(path, exposed=exposed)
    return checked_key(text_of(path).strip(), where=str(path), exposed=exposed)


def check_mode(path: Path, *, exposed: bool) -> None:
    """Warns of a key file that others than its owner can read; whether it can be read at all is told when it is.

    Raises:
        SettingsError: they can, and other machines can reach what it opens.
    """
    if not others_can_read(path):
        return
    if exposed:
        raise SettingsError(
            "others than its owner can read the key file.", where=str(path), remedy=f"chmod 600 {path.name}"
        )
    LOG.warning("key_file_readable_by_others", file=str(path), remedy=f"chmod 600 {path.name}")
