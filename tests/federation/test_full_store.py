"""A database that cannot be used for a while costs nothing; one that cannot be used for long ends what runs, by name."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from coordinator import app, waiting_out
from coordinator.analysis import Federation
from coordinator.records import Analysis, Round
from coordinator.states import AnalysisState
from coordinator.store import MemoryStore
from shared.errors import StoreError
from shared.messages import Problem
from tests.federation.fake_sites import REQUEST, FakeSite, build, client, eventually, submitted, until

pytestmark = pytest.mark.anyio


class FullStore(MemoryStore):
    """A store on a disk that is full for so many writes, from the second round on."""

    def __init__(self, failures: int, code: str = "") -> None:
        super().__init__()
        self.failures, self.code = failures, code
        self.full = False

    def add_round(self, analysis_id: str, entry: Round) -> None:
        self.full = self.full or entry.number == 2
        self._write()
        super().add_round(analysis_id, entry)

    def change(self, analysis_id: str, state: AnalysisState, **values: Any) -> Analysis:
        self._write()
        return super().change(analysis_id, state, **values)

    def _write(self) -> None:
        if self.full and self.failures:
            self.failures -= 1
            raise StoreError("the database cannot be written (SQLITE_FULL).", where="database", code=self.code)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_out, "FIRST_PAUSE", 0.01)


async def test_an_analysis_on_a_full_disk_goes_on_once_there_is_room_and_asks_for_no_round_twice(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    store = FullStore(failures=4)
    with capture_logs() as log:
        async with client(build(tmp_path, sites, store)) as http:
            view = await until(http, await submitted(http))
    assert (view["state"], store.failures) == ("converged", 0)
    assert [body["round"] for body in sites["Bern"].rounds] == list(range(1, view["round"] + 1))
    assert len([entry for entry in log if entry["event"] == "not_stored"]) == 4


@pytest.mark.parametrize(("deadline", "code"), [(0.0, ""), (600.0, "store_broken")])
async def test_a_disk_that_stays_full_or_a_broken_database_ends_it_by_name_once_that_can_be_written(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch, deadline: float, code: str
) -> None:
    monkeypatch.setattr(app, "Federation", partial(Federation, store_deadline=deadline))
    store = FullStore(failures=4, code=code)
    with capture_logs() as log:
        async with client(build(tmp_path, sites, store)) as http:
            view = await until(http, await submitted(http))
            await eventually(lambda: all(site.closed for site in sites.values()))
    assert (view["state"], view["problem"]["code"]) == ("failed", code or "store")
    assert (view["problem"]["where"], view["round"], store.failures) == ("database", 1, 0)
    assert len([entry for entry in log if entry["event"] == "not_stored"]) == 3


async def test_a_request_to_a_full_disk_is_unavailable_not_a_crash(
    tmp_path: Path, sites: dict[str, FakeSite], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Analysis:
        raise StoreError(where="database")

    monkeypatch.setattr(MemoryStore, "add", full)
    async with client(build(tmp_path, sites)) as http:
        response = await http.post("/v1/analyses", json=REQUEST)
    assert (response.status_code, Problem.model_validate_json(response.content).code) == (503, "store")
