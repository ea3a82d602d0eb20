"""Following an analysis by its events, over connections that may break: what to make of what is heard, without hearing it.

`follow` drives it by a blocking connection, asynchronous.py by an awaited one.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from coordinator.client.event_stream import EventStream
from coordinator.client.faults import UNREACHABLE, ending
from shared.errors import SiteError

PATIENCE = 60.0
"""Seconds that a coordinator which has answered before is waited for."""
PAUSE = 1.0
"""Seconds between two attempts."""
Opened = Callable[[str], AbstractContextManager[Iterator[bytes]]]
"""Opens the stream after the event of an id; raises SiteError, whose code is UNREACHABLE where trying again may help."""


@dataclass(frozen=True)
class Progress:
    """What is new."""

    analysis: dict[str, Any]
    """The analysis as it stood when its state last changed."""
    rounds: list[dict[str, Any]]
    """The rounds that are new."""
    notice: str = ""
    """What there is to say of the connection."""


class Following:
    """Where the reader of an analysis's events stands.

    Args:
        analysis: as it stands.
        patience: seconds; see PATIENCE.
    """

    def __init__(self, analysis: dict[str, Any], patience: float) -> None:
        self.last = ""
        """The id of the last event that was read."""
        self._analysis, self._patience = analysis, patience
        self._connected = False
        self._lost: float | None = None
        self._stream = EventStream()

    @property
    def ended(self) -> bool:
        """Whether the analysis has, as far as it was read."""
        return has_ended(self._analysis)

    def opened(self) -> Iterator[Progress]:
        """A connection stands."""
        if self._lost is not None:
            yield Progress(self._analysis, [], "The coordinator answers again.")
        self._connected, self._lost, self._stream = True, None, EventStream()

    def read(self, chunk: bytes) -> Iterator[Progress]:
        """Bytes came."""
        for event in self._stream.feed(chunk):
            self.last, told = event.id, json.loads(event.data)
            self._analysis = told if event.kind == "state" else self._analysis
            yield Progress(self._analysis, [told] if event.kind == "round" else [])

    def failed(self, error: SiteError) -> None:
        """A connection broke, or could not be made.

        Raises:
            SiteError: the same, if trying again does not help or has been tried for long enough.
        """
        if error.code != UNREACHABLE or not self._connected:
            raise error
        if self._lost is not None and time.monotonic() - self._lost >= self._patience:
            raise error

    def pausing(self) -> Iterator[Progress]:
        """Before the pause until the next attempt; it is said once for all attempts."""
        if self._lost is None:
            self._lost = time.monotonic()
            notice = f"The connection to the coordinator broke. Trying again for {self._patience:.0f} s."
            yield Progress(self._analysis, [], notice)


def has_ended(analysis: dict[str, Any]) -> bool:
    """Whether nothing will happen any more."""
    return analysis["links"]["result"] is not None or analysis["state"] in {"refused", "failed", "cancelled"}


def must_have_result(analysis: dict[str, Any]) -> None:
    """Asks of an ended analysis that it ended with a result.

    Raises:
        RefusedError: a site did not take part.
        SiteError: it failed or was cancelled.
    """
    if analysis["links"]["result"] is None:
        raise ending(analysis)


def follow(opened: Opened, analysis: dict[str, Any], patience: float) -> Iterator[Progress]:
    """Everything that has happened to an analysis and that will, up to its ending.

    Args:
        opened: opens the stream of its events.
        analysis: as it stands.
        patience: seconds; see PATIENCE.

    Raises:
        SiteError: the coordinator cannot be reached, or not any more for so long.
        FedglmmError: what else `opened` raises.
    """
    reader = Following(analysis, patience)
    while True:
        try:
            with opened(reader.last) as chunks:
                yield from reader.opened()
                for chunk in chunks:
                    yield from reader.read(chunk)
            if reader.ended:
                return
        except SiteError as error:
            reader.failed(error)
        yield from reader.pausing()
        time.sleep(PAUSE)
