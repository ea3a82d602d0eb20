"""The keys file of a running coordinator: a change is seen at the next request."""

from pathlib import Path

import structlog

from coordinator.access.keys import Key, caller_of, read_keys, today
from coordinator.access.roles import COORDINATOR, Caller
from shared.errors import AccessError, SettingsError

LOG = structlog.get_logger(__name__)


class KeyRing:
    """The keys in a file as it is now.

    A file that has become unusable lets nobody in: going on with the keys of before would keep those that the change revokes.

    Raises:
        SettingsError: the file cannot be used to begin with.
    """

    def __init__(self, path: Path, *, exposed: bool) -> None:
        self._path = path
        self._exposed = exposed
        self._stamp = _stamp(path)  # before it is read: what changes from here on is read again
        self._keys: tuple[Key, ...] | None = read_keys(path, exposed=exposed)

    def caller(self, shown: str) -> Caller:
        """Whoever has a key.

        Raises:
            CredentialsError: nobody is known by it, or it is not valid any more.
            AccessError: the file cannot be used.
        """
        return caller_of(self._current(), shown, today())

    def _current(self) -> tuple[Key, ...]:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp, self._keys = stamp, self._read_again()
        if self._keys is None:
            remedy = "Its log says what is wrong; an administrator has to mend it."
            raise AccessError("the keys file cannot be used.", where=COORDINATOR, remedy=remedy)
        return self._keys

    def _read_again(self) -> tuple[Key, ...] | None:
        try:
            keys = read_keys(self._path, exposed=self._exposed)
        except SettingsError as error:
            LOG.error("keys_file_unusable", problem=str(error))  # noqa: TRY400 -- its words are the whole story
            return None
        LOG.info("keys_read", keys=len(keys))
        return keys


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What differs after a change of the file; none while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode
