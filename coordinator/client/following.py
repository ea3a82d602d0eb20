"""Following an analysis by its events, over connections that may break."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from coordinator.client.event_stream import parsed
from coordinator.client.faults import UNREACHABLE
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


def has_ended(analysis: dict[str, Any]) -> bool:
    """Whether nothing will happen any more."""
    return analysis["links"]["result"] is not None or analysis["state"] in {"refused", "failed", "cancelled"}


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
    last, connected, lost = "", False, None
    while True:
        try:
            with opened(last) as chunks:
                if lost is not None:
                    yield Progress(analysis, [], "The coordinator answers again.")
                connected, lost = True, None
                for event in parsed(chunks):
                    last, told = event.id, json.loads(event.data)
                    analysis = told if event.kind == "state" else analysis
                    yield Progress(analysis, [told] if event.kind == "round" else [])
            if has_ended(analysis):
                return
        except SiteError as error:
            if error.code != UNREACHABLE or not connected:
                raise
            if lost is not None and time.monotonic() - lost >= patience:
                raise
        if lost is None:
            lost = time.monotonic()
            yield Progress(analysis, [], f"The connection to the coordinator broke. Trying again for {patience:.0f} s.")
        time.sleep(PAUSE)
