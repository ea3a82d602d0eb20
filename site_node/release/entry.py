"""An entry of a site's ledger, and the line that holds it.

A line is canonical JSON (ASCII, keys in order, no blanks) but for its last key, `hash`: the SHA-256 of the line without it.
It says what left, when, for whom and under which specification, and holds no number of a contribution, no count and no level.
"""

import hashlib
import json
from typing import Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.wire import Text

Event: TypeAlias = Literal["prepared", "refused", "start", "round", "closed", "recovered"]

FIRST_PREVIOUS = "0" * 64
"""What stands for the hash before the first entry."""


class _Part(BaseModel):
    # a later release may add fields; the hash says that nobody else did
    model_config = ConfigDict(frozen=True, extra="ignore")


class Left(_Part):
    """A message that left, without its content."""

    message: Text
    """Its name in docs/protocol.md."""
    numbers: int
    """How many it holds."""
    bytes: int
    sha256: Text
    """Of its bytes."""


class Cut(_Part):
    """The bytes of a line that a crash cut off, which were set aside in a file beside the ledger."""

    bytes: int
    sha256: Text
    file: Text


class Note(_Part):
    """What the ledger is told. What an event has not, its line leaves out."""

    event: Event
    analysis: Text = ""
    specification: Text = ""
    """Its SHA-256."""
    title: Text = ""
    formula: Text = ""
    roster: tuple[Text, ...] = ()
    round: int | None = None
    left: Left | None = None
    code: Text = ""
    """Of a refusal; or why the answer of a round says nothing."""
    rule: Text = ""
    """Of a refusal by the policy; or the same."""
    outcome: Text = ""
    """How the analysis ended, as the coordinator says."""
    cut: Cut | None = None


class Entry(Note):
    """What the ledger holds."""

    number: int
    time: Text
    """UTC, ISO 8601."""
    again: bool = False
    """Whether the very same reply left before."""
    previous: Text
    """The hash of the entry before."""


class Sealed(NamedTuple):
    """An entry, its own hash, and its line without the line break."""

    entry: Entry
    hash: str
    line: bytes


def sealed(entry: Entry) -> Sealed:
    """The line of an entry."""
    told = entry.model_dump(mode="json", exclude_defaults=True)
    content = json.dumps(told, sort_keys=True, separators=(",", ":")).encode("ascii")
    digest = hashlib.sha256(content).hexdigest()
    return Sealed(entry, digest, content[:-1] + _seal(digest))


def unsealed(line: bytes) -> Sealed | None:
    """The entry in a line, or nothing where a byte is not what was written."""
    length = len(_seal(FIRST_PREVIOUS))
    content = line[:-length] + b"}"
    digest = hashlib.sha256(content).hexdigest()
    if line[-length:] != _seal(digest):
        return None
    try:
        return Sealed(Entry.model_validate_json(content), digest, line)
    except ValidationError:
        return None


def _seal(digest: str) -> bytes:
    return f',"hash":"{digest}"}}'.encode("ascii")
