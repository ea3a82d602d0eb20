"""The time by which windows are counted (G3, G4): it never goes back, and no clock that is set ahead makes a running site forget.

A window has passed when so much time has. While the site runs that is told by a clock that nobody sets. At its start only the
machine's clock says how long it was away; but time is never before what the history was written at.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

SKEW_SECONDS = 3600.0
"""By which a clock may have been ahead without a word."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class OwnClock:
    """Seconds since the epoch, as one run of a site counts them."""

    began: float
    started: float
    elapsed: Callable[[], float]

    @classmethod
    def after(
        cls,
        newest: float,
        site: str = "",
        *,
        wall: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> "OwnClock":
        """The clock of a run that begins now.

        Args:
            newest: the latest moment that the history has.
            site: its name, for the log.
            wall: the machine's clock, which may be set.
            elapsed: seconds that only go on.
        """
        now = wall()
        if now < newest - SKEW_SECONDS:
            _log.warning("clock_behind", site=site, hours=round((newest - now) / SKEW_SECONDS, 1))
        return cls(max(now, newest), elapsed(), elapsed)

    def __call__(self) -> float:
        """Now."""
        return self.began + (self.elapsed() - self.started)
