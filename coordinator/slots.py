"""How many analyses run at once, first come, first served, and how many beside them wait for people who have to approve."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slot:
    """One analysis's place, which it gives to others while a person is waited for: that may take a day."""

    def __init__(self, running: asyncio.Semaphore, aside: asyncio.Semaphore) -> None:
        self._running = running
        self._aside = aside
        self._in = running
        """The one of the two that it holds."""

    async def step_aside(self) -> None:
        """Makes room, if there is room beside."""
        if self._in is self._running and not self._aside.locked():
            await self._aside.acquire()
            self._running.release()
            self._in = self._aside

    async def step_back(self) -> None:
        """Waits until there is room to go on, if it had stepped aside."""
        if self._in is self._aside:
            await self._running.acquire()
            self._aside.release()
            self._in = self._running

    def leave(self) -> None:
        """Gives its place up for good."""
        self._in.release()


class Slots:
    """Of a coordinator.

    Args:
        running: analyses at once.
        aside: of those that wait for people at once; what waits beyond them keeps its place.
    """

    def __init__(self, running: int, aside: int) -> None:
        self._running = asyncio.Semaphore(running)
        self._aside = asyncio.Semaphore(aside)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Slot]:
        """A place, as soon as there is one."""
        await self._running.acquire()
        slot = Slot(self._running, self._aside)
        try:
            yield slot
        finally:
            slot.leave()
