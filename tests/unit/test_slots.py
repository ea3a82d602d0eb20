"""Places of analyses: so many run, so many wait aside, and none is lost or given twice."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from coordinator.slots import Slots

pytestmark = pytest.mark.anyio


async def settled() -> None:
    """Lets every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def is_free(slots: Slots) -> bool:
    """Whether somebody who asks for a place has one without waiting."""

    async def taken() -> None:
        async with slots.one():
            pass

    task = asyncio.create_task(taken())
    await settled()
    free = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return free


async def test_who_steps_aside_makes_room_and_waits_for_room_to_go_on() -> None:
    slots = Slots(1, 1)
    async with slots.one() as first:
        assert not await is_free(slots)
        await first.step_aside()
        async with slots.one():
            back = asyncio.create_task(first.step_back())
            await settled()
            assert not back.done()
        await back
        assert not await is_free(slots)
    assert await is_free(slots)


async def test_where_nobody_may_step_aside_any_more_one_keeps_its_place() -> None:
    slots = Slots(1, 1)
    async with slots.one() as first:
        await first.step_aside()
        async with slots.one() as second:
            await second.step_aside()
            assert not await is_free(slots)
            await second.step_back()
        assert await is_free(slots)


async def test_stepping_twice_is_stepping_once() -> None:
    slots = Slots(2, 2)
    async with slots.one() as one:
        for _ in range(2):
            await one.step_aside()
        async with AsyncExitStack() as held:
            for _ in range(2):
                await held.enter_async_context(slots.one())
            assert not await is_free(slots)
        for _ in range(2):
            await one.step_back()
        assert await is_free(slots)


async def test_who_is_cancelled_while_stepping_back_leaves_no_place_taken() -> None:
    slots = Slots(1, 1)

    async def stepping_back() -> None:
        async with slots.one() as slot:
            await slot.step_aside()
            async with slots.one():
                await slot.step_back()  # there never is room

    task = asyncio.create_task(stepping_back())
    await settled()
    assert not await is_free(slots)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with slots.one() as slot:
        await slot.step_aside()
        assert await is_free(slots)
