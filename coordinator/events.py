"""Following analyses while they run: whoever watches is woken when something is stored, and reads it from the store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from coordinator.records import Event
from coordinator.store import Store
from shared.errors import UnknownAnalysisError

LOOK_AGAIN_SECONDS = 15.0
"""After which a watch on which nothing happens finds out whether whoever watches still may."""
Admitted = Callable[[], Awaitable[bool]]


async def _anybody() -> bool:
    return True


class Watch:
    """One who watches one analysis, in one event loop, for as long as `admitted` says."""

    def __init__(self, store: Store, analysis_id: str, admitted: Admitted = _anybody) -> None:
        self._store = store
        self._analysis_id = analysis_id
        self._admitted = admitted
        self._woken = asyncio.Event()
        self._dismissed = False

    async def events(self, after: int = 0) -> AsyncIterator[Event]:
        """The events after a number: those that are stored, then those that come.

        Ends after the event of the ending, and when the analysis is deleted, the watch dismissed, or who watches not let in
        any more: at the next event, or within `LOOK_AGAIN_SECONDS`.

        Raises:
            StoreError: the database cannot be read.
        """
        while not self._dismissed:
            self._woken.clear()  # before it is read: what is stored from here on wakes again
            try:
                found, ended = await asyncio.to_thread(self._read, after)
            except UnknownAnalysisError:
                return
            for event in found:
                if not await self._admitted():
                    return
                yield event
                after = event.number
            if ended or not (found or await self._admitted()):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                    await self._woken.wait()

    def _read(self, after: int) -> tuple[list[Event], bool]:
        """What is there after an event, and whether nothing will follow. Many may watch: mostly this is one query."""
        found = self._store.events(self._analysis_id, after=after)
        if found:
            return found, found[-1].is_ending
        if self._store.get(self._analysis_id).state.ended:  # perhaps only since the events were read
            return self._store.events(self._analysis_id, after=after), True
        return found, False

    async def ended(self) -> None:
        """Waits until there is nothing more to watch.

        Raises:
            StoreError: the database cannot be read.
        """
        async for _ in self.events():
            pass

    def wake(self) -> None:
        """Makes it look again."""
        self._woken.set()

    def dismiss(self) -> None:
        """Ends it, though the analysis may go on."""
        self._dismissed = True
        self.wake()


class Watchers:
    """Everybody who watches an analysis of a store, all in one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watches: dict[str, set[Watch]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        store.listen(self._happened)

    @contextmanager
    def watching(self, analysis_id: str, admitted: Admitted = _anybody) -> Iterator[Watch]:
        """A watch until the block ends.

        Args:
            analysis_id: the analysis.
            admitted: whether whoever watches still may.
        """
        self._loop = asyncio.get_running_loop()
        watch = Watch(self._store, analysis_id, admitted)
        if self._closed:
            watch.dismiss()
        self._watches.setdefault(analysis_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[analysis_id].discard(watch)
            if not self._watches[analysis_id]:
                del self._watches[analysis_id]

    async def ended(self, analysis_id: str, seconds: float, gone: Awaitable[None]) -> None:
        """Waits for the end of an analysis, but so many seconds at most, and no longer than somebody wants to know."""
        with self.watching(analysis_id) as watch:
            waits = [asyncio.ensure_future(watch.ended()), asyncio.ensure_future(gone)]
            try:
                await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)

    def close(self) -> None:
        """Dismisses everybody, and whoever comes later."""
        self._closed = True
        for watch in (watch for watches in self._watches.values() for watch in watches):
            watch.dismiss()

    def __len__(self) -> int:
        return sum(len(watches) for watches in self._watches.values())

    def _happened(self, analysis_id: str) -> None:
        """In any thread. Whoever begins to watch after this has read the loop finds in the store what happened."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody watches any more
                self._loop.call_soon_threadsafe(self._wake, analysis_id)

    def _wake(self, analysis_id: str) -> None:
        for watch in self._watches.get(analysis_id, ()):
            watch.wake()
