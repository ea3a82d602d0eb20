"""Where a site's rows come from, and a fingerprint that changes when they do."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shared.codes import DATA_CHANGED
from shared.dictionary import Dictionary
from shared.errors import DataError
from site_node.data.files import State
from site_node.data.reading import FileColumns, open_columns
from site_node.data.units import Known

_CHUNK = 1 << 20


def fingerprint(path: Path, secret: bytes) -> str:
    """The keyed hash of a file: a plain one could be guessed when the file is small.

    Raises:
        DataError: the file cannot be read.
    """
    keyed = hmac.new(secret, digestmod=hashlib.sha256)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                keyed.update(chunk)
    except OSError:
        raise DataError("the data file cannot be read.", where=path.name, remedy="Set `data` in site.toml.") from None
    return keyed.hexdigest()


@dataclass
class FileSource:
    """A data file, hashed again only when its size, its place on the disk or one of its times has changed."""

    path: Path
    secret: bytes = field(repr=False)
    _known: tuple[State, str] | None = field(default=None, init=False, repr=False)
    _rows: tuple[str, Known] | None = field(default=None, init=False, repr=False)

    def fingerprint(self) -> str:
        """The keyed hash of the file as it is now.

        Raises:
            DataError: the file cannot be read.
        """
        return self._hashed()[1]

    @contextmanager
    def opened(self) -> Iterator[tuple[str, FileColumns]]:
        """The keyed hash of the file as it is now, and its columns, which are read as long as it stays so.

        Raises:
            DataError: the file cannot be read.
        """
        state, hashed = self._hashed()
        with open_columns(self.path, state) as columns:
            yield hashed, columns

    def known(self, fingerprint: str, dictionary: Dictionary) -> Known:
        """The file's rows, (n,), by what they say in the dictionary's columns. They are kept for the next time.

        Args:
            fingerprint: what the file's was when its columns were read.
            dictionary: names the columns, and the one of the privacy unit.

        Raises:
            DataError: the file has changed since, or cannot be read.
        """
        state, hashed = self._hashed()
        if self._rows is None or self._rows[0] != hashed:
            with open_columns(self.path, state) as columns:
                self._rows = (hashed, columns.known(dictionary, self.secret))
        if hashed != fingerprint:
            raise DataError(
                "the site's data have changed while they were read.",
                where="the data",
                remedy="Start a new analysis.",
                code=DATA_CHANGED,
            )
        return self._rows[1]

    def _hashed(self) -> tuple[State, str]:
        state, known = State.of(self.path), self._known
        if known is None or known[0] != state:
            known = self._known = (state, fingerprint(self.path, self.secret))
        return known
