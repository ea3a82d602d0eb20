"""Runs analyses in the background of one event loop: one task each."""

import asyncio
import traceback
from collections.abc import Coroutine
from pathlib import Path

import structlog

from coordinator.analysis import Federation
from coordinator.records import Analysis
from coordinator.slots import Slots
from coordinator.states import AnalysisState
from shared.codes import INTERNAL
from shared.messages import Problem

LOG = structlog.get_logger(__name__)


class Runner:
    """The analyses that are under way, as many at once as there are slots: the others wait as they stand.

    What a stopped runner leaves unfinished, the next one takes up.
    """

    def __init__(self, federation: Federation, slots: Slots) -> None:
        self._federation = federation
        self._slots = slots
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Takes up every analysis that has not ended."""
        for analysis_id in await asyncio.to_thread(self._federation.store.unfinished):
            self.run(analysis_id)

    async def stop(self) -> None:
        """Stops all tasks where they are; the stored rounds stay."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def run(self, analysis_id: str) -> None:
        """Runs an analysis in the background once there is room, unless it is running already."""
        if analysis_id not in self._tasks:
            self._keep(analysis_id, self._guarded(analysis_id))

    async def cancel(self, analysis_id: str) -> Analysis:
        """Ends an analysis and stops its rounds; its sites are told in the background.

        Raises:
            UnknownAnalysisError: there is none.
        """
        store = self._federation.store
        analysis = await asyncio.to_thread(store.change, analysis_id, AnalysisState.CANCELLED)
        if await self._halted(analysis_id):
            self._keep(analysis_id, self._federation.tell_sites(analysis_id, analysis.state))
        return analysis

    async def delete(self, analysis_id: str) -> None:
        """Forgets an ended analysis.

        Raises:
            UnknownAnalysisError: there is none.
        """
        await self._halted(analysis_id)
        await asyncio.to_thread(self._federation.store.delete, analysis_id)

    async def _halted(self, analysis_id: str) -> bool:
        """Whether there was something to stop; it has stopped."""
        task = self._tasks.get(analysis_id)
        if task is None:
            return False
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return True

    def _keep(self, analysis_id: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=analysis_id)
        self._tasks[analysis_id] = task
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        if self._tasks.get(task.get_name()) is task:
            del self._tasks[task.get_name()]

    async def _guarded(self, analysis_id: str) -> None:
        """A fault that nobody foresaw ends one analysis, not the coordinator. Its text may hold numbers: not logged."""
        try:
            async with self._slots.one() as slot:
                await self._federation.run(analysis_id, slot)
        except Exception as error:  # noqa: BLE001 -- the task's outermost frame
            frame = traceback.extract_tb(error.__traceback__)[-1]
            kind, at = type(error).__name__, f"{Path(frame.filename).name}:{frame.lineno}"
            LOG.error("analysis_crashed", analysis=analysis_id, error=kind, at=at)  # noqa: TRY400 -- see the docstring
            problem = Problem(
                code=INTERNAL,
                message=f"the coordinator has a fault of its own ({kind} at {at}).",
                where="coordinator",
                remedy="Please report it.",
            )
            await self._federation.end(analysis_id, AnalysisState.FAILED, [problem])
