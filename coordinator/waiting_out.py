"""Using a database that may not work for a while: what was computed is kept meanwhile, and the use is tried again."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from shared.errors import StoreError

LOG = structlog.get_logger(__name__)
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 10.0
"""Seconds between attempts to use a database that does not work."""

Values = ParamSpec("Values")
Kept = TypeVar("Kept")


async def waited_out(
    seconds: float,
    use: Callable[Concatenate[str, Values], Kept],
    analysis_id: str,
    *values: Values.args,
    **more: Values.kwargs,
) -> Kept:
    """Uses a store for an analysis; a full disk or a lock is waited out.

    Args:
        seconds: how long; without end, also a damaged database is waited for.
        use: the store's method.
        analysis_id: its first argument.
        values: its further arguments.
        more: those that have names.

    Raises:
        StoreError: the database did not work for so long, or never will.
    """
    until, pause = time.monotonic() + seconds, FIRST_PAUSE
    while True:
        try:
            return await asyncio.to_thread(use, analysis_id, *values, **more)
        except StoreError as error:
            may_pass = error.code == StoreError.code or seconds == math.inf
            if not may_pass or time.monotonic() >= until:
                raise
            LOG.error("not_stored", analysis=analysis_id, problem=error.message)  # noqa: TRY400 -- its trace says no more
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
