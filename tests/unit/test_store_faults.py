"""A database that cannot be used is a fault with a name, and neither it nor the log quotes what was to be written."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sql

from coordinator import sql_store
from coordinator.records import Analysis, Round
from coordinator.sql_store import SqlStore
from coordinator.states import AnalysisState
from coordinator.tables import METADATA
from shared.errors import StoreError
from shared.messages import Accepted, ContributionMessage, Counts, StartMessage
from shared.request import AnalysisRequest
from tests.unit.smallest import SPECIFICATION

SUMMED = ContributionMessage(value=-1.5, gradient=(0.1,), hessian=(-0.3,))
ROUND = Round(
    number=1, psi=(12345.678,), summed=SUMMED, log_likelihood=SUMMED.value, decrement=0.25, accepted=True, seconds=0.5
)
START = StartMessage(quadratics=(SUMMED,), totals=(20.0, 1.0, 20.0, 0.0, 0.0, 0.0))
ACCEPTED = Accepted(
    specification_sha256="0" * 64, fingerprint="f", counts=Counts(rows=20, rows_dropped=1, groups={"site": 1})
)


def new() -> Analysis:
    return Analysis.submitted(AnalysisRequest(formula="y ~ 1"), SPECIFICATION, "key")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    kept = SqlStore(f"sqlite:///{tmp_path / 'a.db'}")
    yield kept
    kept.close()


WRITES: dict[str, Callable[[SqlStore, str], object]] = {
    "add": lambda store, _: store.add(new(), SPECIFICATION),
    "change": lambda store, known: store.change(known, AnalysisState.RUNNING),
    "set_accepted": lambda store, known: store.set_accepted(known, {"Bern": ACCEPTED}),
    "set_start": lambda store, known: store.set_start(known, START),
    "add_round": lambda store, known: store.add_round(known, ROUND),
    "delete": lambda store, known: store.delete(known),
}
READS: dict[str, Callable[[SqlStore, str], object]] = {
    "get": lambda store, known: store.get(known),
    "newest": lambda store, _: store.newest(limit=1),
    "unfinished": lambda store, _: store.unfinished(),
    "accepted": lambda store, known: store.accepted(known),
    "start": lambda store, known: store.start(known),
    "rounds": lambda store, known: store.rounds(known),
    "specification": lambda store, known: store.specification(known),
    "trace": lambda store, known: store.trace(known),
    "result": lambda store, known: store.result(known),
    "events": lambda store, known: store.events(known),
}


def test_a_full_disk_is_a_store_error_without_what_was_to_be_written(store: SqlStore) -> None:
    analysis = store.add(new(), SPECIFICATION)
    sql.event.listen(store._engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1"))
    with pytest.raises(StoreError, match=r"cannot be written \(SQLITE_FULL\)") as caught:
        store.add_round(analysis.id, replace(ROUND, psi=(12345.678,) * 10_000))
    assert (caught.value.where, caught.value.__suppress_context__) == ("database", True)
    assert "12345" not in f"{caught.value} {caught.value.__context__}"
    assert store.rounds(analysis.id) == []


@pytest.mark.parametrize("call", [*READS.values(), *WRITES.values()], ids=[*READS, *WRITES])
def test_a_database_that_is_broken_is_a_store_error(
    tmp_path: Path, store: SqlStore, call: Callable[[SqlStore, str], object]
) -> None:
    analysis = store.add(new(), SPECIFICATION)
    engine = sql.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    METADATA.drop_all(engine)
    engine.dispose()
    with pytest.raises(StoreError, match="SQLITE_ERROR"):
        call(store, analysis.id)


def test_a_round_that_is_there_already_is_a_store_error(store: SqlStore) -> None:
    analysis = store.add(new(), SPECIFICATION)
    store.add_round(analysis.id, ROUND)
    with pytest.raises(StoreError, match="SQLITE_CONSTRAINT"):
        store.add_round(analysis.id, ROUND)


NO_EVENTS = "CREATE TRIGGER none BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no events'); END"


def test_what_cannot_be_told_is_not_done(tmp_path: Path, store: SqlStore) -> None:
    """An event and its change are stored together or not at all, and nobody hears of what was not."""
    analysis = store.add(new(), SPECIFICATION)
    heard: list[str] = []
    engine = sql.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(NO_EVENTS)
    engine.dispose()
    store.listen(heard.append)
    for call in (
        lambda: store.add_round(analysis.id, ROUND),
        lambda: store.change(analysis.id, AnalysisState.RUNNING),
        lambda: store.add(replace(analysis, id="another", idempotency_key=None), SPECIFICATION),
    ):
        with pytest.raises(StoreError, match="SQLITE_CONSTRAINT"):
            call()
    assert store.rounds(analysis.id) == []
    assert store.newest(limit=9) == [analysis]
    assert heard == []


def test_a_change_and_its_event_cost_one_commit(store: SqlStore) -> None:
    analysis = store.add(new(), SPECIFICATION)
    commits: list[object] = []
    sql.event.listen(store._engine, "commit", commits.append)
    store.add_round(analysis.id, ROUND)
    store.change(analysis.id, AnalysisState.RUNNING)
    assert len(commits) == 2


def test_more_uses_at_once_than_connections_are_a_fault_that_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_store, "POOL_SIZE", 1)
    monkeypatch.setattr(sql_store, "POOL_OVERFLOW", 0)
    monkeypatch.setattr(sql_store, "POOL_SECONDS", 0.01)
    with closing(SqlStore(f"sqlite:///{tmp_path / 'a.db'}")) as store:
        analysis = store.add(new(), SPECIFICATION)
        with store._engine.connect(), pytest.raises(StoreError, match="all connections to it are in use") as caught:
            store.get(analysis.id)
        assert (caught.value.code, "damaged" in caught.value.remedy) == (StoreError.code, False)
        assert store.get(analysis.id) == analysis


def test_what_answers_a_view_reads_nothing_that_may_be_large(store: SqlStore) -> None:
    analysis = store.add(new(), SPECIFICATION)
    store.add_round(analysis.id, ROUND)
    asked: list[str] = []
    sql.event.listen(store._engine, "before_cursor_execute", lambda *event: asked.append(event[2]))
    store.get(analysis.id)
    store.newest(limit=9)
    store.change(analysis.id, AnalysisState.RUNNING)
    store.events(analysis.id)
    store.trace(analysis.id)
    reads = [statement for statement in asked if statement.startswith("SELECT")]
    assert len(reads) >= 5
    for column in ("specification", "start", "result", "summed", "psi"):
        assert not [statement for statement in reads if f".{column}" in statement], column
