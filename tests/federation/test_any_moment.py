"""A coordinator that dies before or after any of its writes goes on from what was stored, and ends with the same bits."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coordinator.records import Analysis, Round
from coordinator.states import AnalysisState
from coordinator.store import MemoryStore
from shared.messages import Accepted, StartMessage
from tests.federation.fake_sites import FakeSite, KeptStore, bits, build, client, eventually, honest_sites, submitted
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import coordinator_of, real_sites

pytestmark = pytest.mark.anyio


class Mortal(KeptStore):
    """Its coordinator dies at one of its writes: nothing that it does afterwards is heard of."""

    def __init__(self, last: int, *, after: bool) -> None:
        super().__init__()
        self.writes, self.last, self.after = 0, last, after
        self.dead = False

    def _write(self, write: Callable[[], Any]) -> Any:
        self.writes += 1
        dying = self.writes == self.last
        if not self.dead and (not dying or self.after):
            written = write()
        if dying or self.dead:
            self.dead = True
            raise asyncio.CancelledError  # the task ends where it is
        return written

    def has_died(self) -> bool:
        return self.dead

    def change(self, analysis_id: str, state: AnalysisState, **values: Any) -> Analysis:
        changed: Analysis = self._write(lambda: MemoryStore.change(self, analysis_id, state, **values))
        return changed

    def set_accepted(self, analysis_id: str, accepted: Any) -> None:
        answers: dict[str, Accepted] = accepted
        self._write(lambda: MemoryStore.set_accepted(self, analysis_id, answers))

    def set_start(self, analysis_id: str, start: StartMessage) -> None:
        self._write(lambda: MemoryStore.set_start(self, analysis_id, start))

    def add_round(self, analysis_id: str, entry: Round) -> None:
        self._write(lambda: MemoryStore.add_round(self, analysis_id, entry))

    def revived(self) -> KeptStore:
        """The same content, for the next coordinator."""
        store = KeptStore()
        store._kept = self._kept
        return store


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_coordinator_that_dies_at_any_of_its_writes_ends_with_the_same_bits(
    tmp_path: Path, sites: dict[str, FakeSite], after: bool
) -> None:
    whole = Mortal(last=0, after=after)
    async with client(build(tmp_path, sites, whole)) as http:
        undisturbed = await bits(http, whole, await submitted(http))
    assert whole.writes >= len(undisturbed[0]) + 5
    for last in range(1, whole.writes + 1):
        store, again = Mortal(last, after=after), honest_sites()
        async with client(build(tmp_path, again, store)) as http:
            analysis_id = await submitted(http)
            await eventually(store.has_died)
        revived = store.revived()
        async with client(build(tmp_path, again, revived)) as http:
            assert await bits(http, revived, analysis_id) == undisturbed, f"dead at write {last}"


@pytest.mark.parametrize("masked", [False, True], ids=["open", "masked"])
@pytest.mark.parametrize(
    "request_of",
    [
        {"formula": "d ~ x + (1 | clinic)", "quadrature_points": "auto"},
        {"formula": "y ~ x + (1 | site) + (1 | clinic)", "family": "gaussian", "reml": True},
    ],
    ids=["auto", "reml"],
)
async def test_so_it_does_between_two_numbers_of_points_and_with_restricted_likelihoods(
    tmp_path: Path, request_of: dict[str, Any], masked: bool
) -> None:
    sites = real_sites(tmp_path, DICTIONARY, made_up(sites=2, rows=8).tables(), masked=masked)
    whole = Mortal(last=0, after=True)
    async with client(coordinator_of(tmp_path, sites, whole)) as http:
        undisturbed = await bits(http, whole, await submitted(http, **request_of))
    rounds, result = undisturbed
    if "reml" in request_of:
        assert all(summed.information for _, _, summed in rounds)
    else:
        assert len(result["convergence"]["quadrature"]["path"]) > 2
    for last in range(1, whole.writes + 1):
        store = Mortal(last, after=True)
        async with client(coordinator_of(tmp_path, sites, store)) as http:
            analysis_id = await submitted(http, **request_of)
            await eventually(store.has_died)
        revived = store.revived()
        async with client(coordinator_of(tmp_path, sites, revived)) as http:
            assert await bits(http, revived, analysis_id) == undisturbed, f"dead at write {last}"
