"""The ledger of a site: a file of JSON lines that only grows. An entry is on the disk before what it tells of leaves.

A line that a crash cut off was never followed by a reply. It is set aside in a file beside the ledger, and an entry
`recovered` names the file and its hash. Any other byte that is not what was written ends all writing, and so all replies.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import structlog

from shared.codes import LEDGER
from shared.errors import StoreError
from site_node.release.chain import Chain, read_chain
from site_node.release.entry import FIRST_PREVIOUS, Cut, Entry, Note, sealed

_OWNER_ONLY = 0o600
_Seen: TypeAlias = tuple[int, int, int, int]
_Reply: TypeAlias = tuple[str, str, int | None, str]

_log = structlog.get_logger()


def utc() -> datetime:
    """This moment."""
    return datetime.now(UTC)


class Ledger:
    """Takes entries from several threads, and beside other processes. It is read again when others have written to it.

    Args:
        path: the file; made when it is not there.
        clock: the time that entries bear.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime] = utc) -> None:
        self._path = path
        self._clock = clock
        self._busy = threading.Lock()
        self._seen: _Seen | None = None
        self._number, self._head = 0, FIRST_PREVIOUS
        self._replies: set[_Reply] = set()

    def open(self) -> None:
        """Makes the file, or reads it and closes a line that a crash cut off.

        Raises:
            StoreError: it cannot be written, or is not what was written.
        """
        with self._alone():
            pass

    def enter(self, note: Note) -> None:
        """Adds an entry, which is on the disk when this returns.

        Raises:
            StoreError: it cannot be written, or the file is not what was written. Then nothing may leave.
        """
        with self._alone() as file:
            self._append(file, note)

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """The file, open and known, for one thread of one process at a time."""
        with self._busy:
            try:
                file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _OWNER_ONLY)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    if self._seen is None or _seen(file) != self._seen:
                        self._read(file)
                    yield file
                finally:
                    os.close(file)
            except OSError as error:
                raise _unwritable(self._path, error) from None

    def _read(self, file: int) -> None:
        self._seen = None
        chain = read_chain(os.pread(file, os.fstat(file).st_size, 0))
        if chain.fault is not None:
            raise _changed(self._path, f"line {chain.fault.line}: {chain.fault.message}.")
        if not chain.holds(self._head):
            raise _changed(self._path, f"line {self._number}: the entry that was written there is gone.")
        self._number, self._head = len(chain.entries), chain.head
        self._replies = {_reply(one.entry) for one in chain.entries}
        self._recover(file, chain)
        _sync(self._path.parent)
        self._seen = _seen(file)

    def _recover(self, file: int, chain: Chain) -> None:
        """Sets a cut-off line aside, and names what was set aside, now or before a crash in the middle of this."""
        if chain.cut:
            aside = self._path.with_name(f"{self._path.name}.cut-{hashlib.sha256(chain.cut).hexdigest()[:16]}")
            _write_file(aside, chain.cut)
            os.ftruncate(file, os.fstat(file).st_size - len(chain.cut))
        named = {one.entry.cut.file for one in chain.entries if one.entry.cut is not None}
        for aside in sorted(self._path.parent.glob(f"{self._path.name}.cut-*")):
            if aside.name not in named:
                cut = aside.read_bytes()
                digest = hashlib.sha256(cut).hexdigest()
                self._append(file, Note(event="recovered", cut=Cut(bytes=len(cut), sha256=digest, file=aside.name)))
                _log.warning("a line of the ledger was cut off and is set aside", file=str(aside))

    def _append(self, file: int, note: Note) -> None:
        entry = Entry(
            **dict(note),
            number=self._number + 1,
            time=self._clock().isoformat(timespec="milliseconds"),
            again=_reply(note) in self._replies,
            previous=self._head,
        )
        one = sealed(entry)
        size = os.fstat(file).st_size
        self._seen = None
        try:
            _write(file, one.line + b"\n")
        except OSError:
            os.ftruncate(file, size)  # nothing has left for it: the next entry takes its place
            raise
        self._number, self._head = entry.number, one.hash
        self._replies.add(_reply(note))
        self._seen = _seen(file)


def read_ledger(path: Path) -> Chain:
    """What a ledger holds, read while nobody writes to it.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return read_chain(file.read())
    except FileNotFoundError:
        remedy = "A site that was served once has one: see `ledger` in site.toml."
        raise StoreError("there is no such ledger.", where=str(path), remedy=remedy, code=LEDGER) from None
    except OSError as error:
        remedy = "Let its reader be the site's user."
        raise StoreError(
            f"the ledger cannot be read ({error.strerror}).", where=str(path), remedy=remedy, code=LEDGER
        ) from None


def _write(file: int, content: bytes) -> None:
    """Writes all of it through to the disk; what a full disk takes is less."""
    while content:
        content = content[os.write(file, content) :]
    os.fsync(file)


def _write_file(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    try:
        _write(file, content)
    finally:
        os.close(file)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Writes a folder through to the disk: the names of its files."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _seen(file: int) -> _Seen:
    """What is seen of the file from outside. Whoever sets the time of modification back cannot set that of the change."""
    status = os.fstat(file)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _reply(note: Note) -> _Reply:
    """What is equal when the same reply leaves again."""
    return note.analysis, note.event, note.round, "" if note.left is None else note.left.sha256


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the ledger cannot be written ({error.strerror}), and without an entry nothing leaves the site.",
        where=path.name,
        remedy="Is the site's disk full, or may its user not write there? See `ledger` in site.toml.",
        code=LEDGER,
    )


def _changed(path: Path, message: str) -> StoreError:
    return StoreError(
        f"{message} The ledger was changed by others than the site, and nothing leaves the site.",
        where=path.name,
        remedy="At the site, find out who did (`fedglmm-site ledger verify FOLDER`). Then put it back from a copy, or move it "
        "away for good, and restart the site.",
        code=LEDGER,
    )
