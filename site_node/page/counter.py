"""What the pages are made of: the settings, and the files that they name, read anew for each page."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from shared.dictionary import Dictionary, read_dictionary
from site_node.page.door import Door
from site_node.release.approvals import Approvals
from site_node.release.chain import Chain
from site_node.release.ledger import read_ledger
from site_node.settings import SiteSettings


@dataclass(frozen=True)
class Counter:
    """One site's, for its people."""

    settings: SiteSettings
    door: Door
    cookie: str
    """The name of the session's cookie: a browser keeps one for all ports of a machine."""

    def approvals(self) -> Approvals | None:
        """What a person decides; none where nobody is asked.

        Raises:
            StoreError: the file cannot be opened.
        """
        if self.settings.approval != "person":
            return None
        return Approvals(self.settings.approvals, self.settings.name)

    def chain(self) -> Chain:
        """The ledger, read and verified.

        Raises:
            StoreError: it is not there, or cannot be read.
        """
        path = self.settings.ledger
        try:
            status = path.stat()
        except OSError:
            return read_ledger(path)  # which says what is wrong
        return _read(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def dictionary(self) -> Dictionary:
        """The agreed variables.

        Raises:
            DictionaryError: the file cannot be read.
        """
        return read_dictionary(self.settings.dictionary)


@lru_cache(maxsize=1)
def _read(path: Path, *_seen: int) -> Chain:
    """Verified anew only if the file looks otherwise from outside: a long one takes seconds."""
    return read_ledger(path)


def counter_of(request: Request) -> Counter:
    """The one that a request came to."""
    counter: Counter = request.app.state.counter
    return counter


Given = Annotated[Counter, Depends(counter_of)]
