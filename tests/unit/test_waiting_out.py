"""A database that does not work is waited for as long as it may pass, and the sites are told, or the log says why not."""

import asyncio
import math
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from coordinator import waiting_out
from coordinator.analysis import Federation
from coordinator.database_faults import BROKEN
from coordinator.optimiser import Optimiser
from coordinator.records import Analysis
from coordinator.result import make_result
from coordinator.site_answers import Answering
from coordinator.site_client import SiteClient
from coordinator.site_connection import SiteConnection
from coordinator.states import AnalysisState
from coordinator.store import MemoryStore
from coordinator.waiting_out import waited_out
from shared.errors import StoreError
from shared.messages import CloseReply, CloseRequest
from shared.optimisation.start import add_starts
from shared.optimisation.step import begin, step
from shared.request import AnalysisRequest
from tests.unit.smallest import SPECIFICATION


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_out, "FIRST_PAUSE", 0.001)


def failing(times: int, code: str = "") -> Callable[[str], str]:
    """A use of a store that fails so many times."""
    left = iter(range(times))

    def use(analysis_id: str) -> str:
        if next(left, None) is not None:
            raise StoreError("the database cannot be read.", where="database", code=code)
        return f"{analysis_id} is kept"

    return use


@pytest.mark.parametrize(("seconds", "code"), [(60.0, ""), (math.inf, ""), (math.inf, BROKEN)])
def test_a_database_is_waited_for_and_each_attempt_is_logged(seconds: float, code: str) -> None:
    with capture_logs() as log:
        assert asyncio.run(waited_out(seconds, failing(3, code), "one")) == "one is kept"
    assert [(entry["event"], entry["analysis"]) for entry in log] == [("not_stored", "one")] * 3


@pytest.mark.parametrize(("seconds", "code"), [(0.0, ""), (60.0, BROKEN)])
def test_a_database_that_is_damaged_or_takes_too_long_is_a_fault(seconds: float, code: str) -> None:
    with capture_logs() as log, pytest.raises(StoreError):
        asyncio.run(waited_out(seconds, failing(1, code), "one"))
    assert log == []


class Bern(SiteClient):
    """A site that only hears of endings."""

    def __init__(self) -> None:
        super().__init__(SiteConnection(Answering("Bern", "http://bern")))
        self.heard: list[str] = []

    async def close(self, _analysis_id: str, request: CloseRequest, _effects: int = 0) -> CloseReply:
        self.heard.append(request.outcome)
        return CloseReply()


class FaultyStore(MemoryStore):
    """A store that cannot be read at first."""

    def __init__(self, times: int, code: str) -> None:
        super().__init__()
        self._use = failing(times, code)

    def get(self, analysis_id: str) -> Analysis:
        self._use(analysis_id)
        return super().get(analysis_id)


@pytest.mark.parametrize(
    ("code", "heard", "logged"), [("", ["cancelled"], "not_stored"), (BROKEN, [], "sites_not_told")]
)
def test_the_sites_hear_of_an_ending_once_the_database_can_be_read_or_the_log_says_why_not(
    code: str, heard: list[str], logged: str
) -> None:
    store, bern = FaultyStore(1, code), Bern()
    specification = SPECIFICATION.model_copy(update={"roster": ("Bern",)})
    analysis = store.add(Analysis.submitted(AnalysisRequest(formula="y ~ 1"), specification), specification)
    federation = Federation(store, {"Bern": bern}, Optimiser(add_starts, begin, step), make_result, 30.0)
    with capture_logs() as log:
        asyncio.run(federation.tell_sites(analysis.id, AnalysisState.CANCELLED))
    assert bern.heard == heard
    assert [(entry["event"], entry["analysis"]) for entry in log] == [(logged, analysis.id)]
