"""All stores keep the same promises."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.records import Analysis, Event, EventKind, Round
from coordinator.sql_store import SqlStore
from coordinator.states import AnalysisState
from coordinator.store import MemoryStore, Store
from coordinator.views import AnalysisView, RoundView
from coordinator.wanted import Wanted
from shared.errors import SettingsError, UnknownAnalysisError
from shared.messages import Accepted, ContributionMessage, Counts, Problem, StartMessage
from shared.request import AnalysisRequest
from tests.postgresql import Cluster, cluster, needed
from tests.unit import smallest

REQUEST = AnalysisRequest(formula="y ~ 1")
SPECIFICATION = smallest.SPECIFICATION.model_copy(update={"roster": ("Bern", "Aarau")})
CONTRIBUTION = ContributionMessage(value=-1.5, gradient=(0.1,), hessian=(-0.3,))
ROUND = Round(
    number=1,
    psi=(0.1,),
    summed=CONTRIBUTION,
    log_likelihood=CONTRIBUTION.value,
    decrement=0.25,
    accepted=True,
    seconds=0.5,
)
START = StartMessage(quadratics=(CONTRIBUTION,), totals=(20.0, 1.0, 20.0, 0.0, 0.0, 0.0))
ACCEPTED = Accepted(
    specification_sha256="0" * 64, fingerprint="f", counts=Counts(rows=20, rows_dropped=1, groups={"site": 1})
)


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


@pytest.fixture(params=["memory", "sql", pytest.param("postgresql", marks=needed)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kept: Store
    match request.param:
        case "memory":
            kept = MemoryStore()
        case "sql":
            kept = SqlStore(f"sqlite:///{tmp_path / 'a.db'}")
        case _:
            kept = SqlStore(request.getfixturevalue("server").new_database())
    yield kept
    kept.close()


def new(key: str | None = None) -> Analysis:
    return Analysis.submitted(REQUEST, SPECIFICATION, key)


def test_what_is_added_is_what_is_found(store: Store) -> None:
    analysis = store.add(new("key"), SPECIFICATION)
    assert store.get(analysis.id) == analysis
    assert store.specification(analysis.id) == SPECIFICATION
    assert (store.accepted(analysis.id), store.start(analysis.id)) == ({}, None)
    assert (store.rounds(analysis.id), store.result(analysis.id)) == ([], None)


def test_a_known_idempotency_key_returns_the_analysis_that_has_it(store: Store) -> None:
    first = store.add(new("key"), SPECIFICATION)
    store.add_round(first.id, ROUND)
    assert store.add(new("key"), SPECIFICATION) == store.get(first.id)
    assert store.add(new("other"), SPECIFICATION).id != first.id
    assert store.add(new(None), SPECIFICATION).id != store.add(new(None), SPECIFICATION).id


def test_one_key_submitted_by_many_threads_is_one_analysis(store: Store) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(store.add(new("key"), SPECIFICATION).id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_run_is_kept_in_full_and_its_last_round_shows(store: Store) -> None:
    analysis = store.add(new(), SPECIFICATION)
    store.set_accepted(analysis.id, {"Bern": ACCEPTED, "Aarau": ACCEPTED})
    store.set_start(analysis.id, START)
    second = replace(ROUND, number=2, decrement=None, accepted=False)
    store.add_round(analysis.id, ROUND)
    store.add_round(analysis.id, second)
    assert list(store.accepted(analysis.id).items()) == [("Bern", ACCEPTED), ("Aarau", ACCEPTED)]
    assert store.start(analysis.id) == START
    assert store.rounds(analysis.id) == [ROUND, second]
    assert store.trace(analysis.id) == [ROUND.trace, second.trace]
    assert store.tried(analysis.id) == [ROUND.psi, second.psi]
    assert store.get(analysis.id).last == second.trace


def test_a_state_is_entered_with_what_belongs_to_it_and_left_without(store: Store) -> None:
    analysis = store.add(new(), SPECIFICATION)
    paused = store.change(analysis.id, AnalysisState.PAUSED, waiting_for=["Bern"])
    again = store.change(analysis.id, AnalysisState.PAUSED, waiting_for=["Bern", "Aarau"])
    assert paused.waiting_for == ("Bern",)
    assert (again.waiting_for, again.since) == (("Bern", "Aarau"), paused.since)
    assert store.change(analysis.id, AnalysisState.RUNNING).waiting_for == ()


def test_an_ended_analysis_stays_as_it_is(store: Store) -> None:
    analysis = store.add(new(), SPECIFICATION)
    problem = Problem(code="site", message="gone.", where="Bern")
    ended = store.change(analysis.id, AnalysisState.FAILED, problems=[problem])
    assert ended.problems == (problem,)
    assert store.change(analysis.id, AnalysisState.CONVERGED, result="{}") == ended
    assert store.result(analysis.id) is None


def test_a_result_is_kept_to_the_byte(store: Store) -> None:
    analysis = store.add(new(), SPECIFICATION)
    store.change(analysis.id, AnalysisState.CONVERGED, result='{"sigma": 0.1}')
    assert store.result(analysis.id) == '{"sigma": 0.1}'


def test_the_newest_come_first_and_pages_follow_each_other(store: Store) -> None:
    ids = [store.add(new(), SPECIFICATION).id for _ in range(5)]
    store.change(ids[3], AnalysisState.CANCELLED)
    page = store.newest(limit=2)
    assert [analysis.id for analysis in page] == [ids[4], ids[3]]
    assert [a.id for a in store.newest(limit=9, before=ids[3])] == [ids[2], ids[1], ids[0]]
    assert [a.id for a in store.newest(Wanted(state=AnalysisState.CANCELLED), limit=9)] == [ids[3]]
    assert store.unfinished() == [ids[0], ids[1], ids[2], ids[4]]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "cba"),
        ({"state": "cancelled"}, "b"),
        ({"who": "anna"}, "ca"),
        ({"who": "ann"}, ""),
        ({"formula": "TREAT"}, "cb"),
        ({"formula": "~ 100%_"}, ""),
        ({"formula": "'"}, ""),
        ({"since": "2026-03-02"}, "cb"),
        ({"until": "2026-03-02"}, "ba"),
        ({"since": "2026-03-02", "until": "2026-03-02"}, "b"),
        ({"since": "2026-03-03", "until": "2026-03-01"}, ""),
        ({"since": "0001-01-01", "until": "9999-12-31"}, "cba"),
        ({"who": "anna", "formula": "treatment", "since": "2026-03-01"}, "c"),
    ],
)
def test_those_that_are_wanted_are_found(store: Store, wanted: dict[str, str], found: str) -> None:
    kept = [("a", "y ~ 1", "anna", "2026-03-01"), ("b", "y ~ treatment", None, "2026-03-02")]
    kept += [("c", "y ~ 0 + treatment", "anna", "2026-03-03")]
    for name, formula, owner, day in kept:
        request = REQUEST.model_copy(update={"formula": formula})
        at = f"{day}T23:59:59.999+00:00"
        store.add(replace(new(), id=name, request=request, owner=owner, created_at=at), SPECIFICATION)
    store.change("b", AnalysisState.CANCELLED)
    which = Wanted.model_validate(wanted)
    assert [one.id for one in store.newest(which, limit=9)] == list(found)
    assert [one.id for one in store.newest(which, limit=1)] == list(found[:1])
    assert [one.id for one in store.newest(which, limit=9, before="b")] == list(found.replace("c", "").replace("b", ""))


@pytest.mark.parametrize("title", ["a\0b", r"a\u0000b", "\\\0"])
def test_one_is_found_by_its_formula_whatever_stands_in_the_titles(store: Store, title: str) -> None:
    strange = store.add(replace(new(), request=REQUEST.model_copy(update={"title": title})), SPECIFICATION)
    plain = store.add(new(), SPECIFICATION)
    assert store.newest(Wanted(formula="Y ~"), limit=9) == [plain, strange]
    assert store.newest(Wanted(formula="0000"), limit=9) == []


def test_a_deleted_analysis_is_gone_with_its_rounds(store: Store) -> None:
    analysis = store.add(new("key"), SPECIFICATION)
    store.add_round(analysis.id, ROUND)
    store.delete(analysis.id)
    assert store.newest(limit=9) == []
    again = store.add(replace(new("key"), id=analysis.id), SPECIFICATION)
    assert store.rounds(again.id) == []
    assert [event.number for event in store.events(again.id)] == [1]


def state_event(number: int, analysis: Analysis) -> Event:
    return Event(number, EventKind.STATE, AnalysisView.of(analysis).model_dump_json())


def test_every_change_and_every_round_is_an_event_as_it_then_stood(store: Store) -> None:
    first = store.add(new(), SPECIFICATION)
    paused = store.change(first.id, AnalysisState.PAUSED, waiting_for=["Bern"])
    waiting = store.change(first.id, AnalysisState.PAUSED, waiting_for=["Aarau"])
    store.add_round(first.id, ROUND)
    ended = store.change(first.id, AnalysisState.CONVERGED, result="{}")
    assert store.events(first.id) == [
        state_event(1, first),
        state_event(2, paused),
        state_event(3, waiting),
        Event(4, EventKind.ROUND, RoundView.of(ROUND.trace).model_dump_json()),
        state_event(5, ended),
    ]
    assert ended.last == ROUND.trace


def test_a_change_that_changes_nothing_is_no_event(store: Store) -> None:
    analysis = store.add(new("key"), SPECIFICATION)
    store.add(new("key"), SPECIFICATION)
    store.change(analysis.id, AnalysisState.SUBMITTED)
    store.set_accepted(analysis.id, {"Bern": ACCEPTED})
    store.set_start(analysis.id, START)
    store.change(analysis.id, AnalysisState.PAUSED, waiting_for=["Bern"])
    store.change(analysis.id, AnalysisState.PAUSED, waiting_for=["Bern"])
    store.change(analysis.id, AnalysisState.FAILED, problems=[Problem(code="site", message="gone.")])
    store.change(analysis.id, AnalysisState.CANCELLED)
    states = [json.loads(event.data)["state"] for event in store.events(analysis.id)]
    assert states == ["submitted", "paused", "failed"]


def test_events_are_counted_within_an_analysis_and_asked_for_after_any(store: Store) -> None:
    one, other = store.add(new(), SPECIFICATION), store.add(new(), SPECIFICATION)
    for state in (AnalysisState.PREPARING, AnalysisState.RUNNING, AnalysisState.CANCELLED):
        store.change(one.id, state)
        store.change(other.id, state)
    events = store.events(one.id)
    assert [event.number for event in events] == [1, 2, 3, 4]
    assert [store.events(one.id, after=number) for number in (0, 2, 4, 9)] == [events, events[2:], [], []]


def test_a_round_and_a_cancellation_at_once_have_numbers_of_their_own(store: Store) -> None:
    analysis = store.add(new(), SPECIFICATION)
    rounds = [replace(ROUND, number=number) for number in range(1, 21)]
    threads = [threading.Thread(target=store.add_round, args=(analysis.id, entry)) for entry in rounds]
    threads.append(threading.Thread(target=store.change, args=(analysis.id, AnalysisState.CANCELLED)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = store.events(analysis.id)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert json.loads(events[-1].data)["state"] == "cancelled"
    assert len(store.rounds(analysis.id)) == len(events) - 2


def test_nothing_is_stored_after_the_ending(store: Store) -> None:
    """A write may still be on its way in its thread when the analysis is cancelled."""
    analysis = store.add(new(), SPECIFICATION)
    store.add_round(analysis.id, ROUND)
    ended = store.change(analysis.id, AnalysisState.CANCELLED)
    heard: list[str] = []
    store.listen(heard.append)
    events = store.events(analysis.id)
    store.set_accepted(analysis.id, {"Bern": ACCEPTED})
    store.set_start(analysis.id, START)
    store.add_round(analysis.id, replace(ROUND, number=2))
    assert (store.get(analysis.id), store.events(analysis.id), heard) == (ended, events, [])
    assert (store.accepted(analysis.id), store.start(analysis.id)) == ({}, None)
    assert store.rounds(analysis.id) == [ROUND]


def test_a_listener_hears_of_what_is_already_stored_and_of_nothing_else(store: Store) -> None:
    heard: list[tuple[str, int]] = []

    def listener(analysis_id: str) -> None:
        known = [analysis.id for analysis in store.newest(limit=9)]
        heard.append((analysis_id, len(store.events(analysis_id)) if analysis_id in known else 0))

    store.listen(listener)
    analysis = store.add(new("key"), SPECIFICATION)
    store.add(new("key"), SPECIFICATION)
    store.change(analysis.id, AnalysisState.RUNNING)
    store.change(analysis.id, AnalysisState.RUNNING)
    store.add_round(analysis.id, ROUND)
    store.set_start(analysis.id, START)
    store.delete(analysis.id)
    assert heard == [(analysis.id, events) for events in (1, 2, 3, 0)]


CALLS: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get("nobody"),
    "newest": lambda store: store.newest(limit=1, before="nobody"),
    "change": lambda store: store.change("nobody", AnalysisState.RUNNING),
    "set_accepted": lambda store: store.set_accepted("nobody", {"Bern": ACCEPTED}),
    "accepted": lambda store: store.accepted("nobody"),
    "set_start": lambda store: store.set_start("nobody", START),
    "start": lambda store: store.start("nobody"),
    "add_round": lambda store: store.add_round("nobody", ROUND),
    "rounds": lambda store: store.rounds("nobody"),
    "specification": lambda store: store.specification("nobody"),
    "trace": lambda store: store.trace("nobody"),
    "tried": lambda store: store.tried("nobody"),
    "result": lambda store: store.result("nobody"),
    "events": lambda store: store.events("nobody"),
    "delete": lambda store: store.delete("nobody"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_unknown_analysis_is_named(store: Store, call: Callable[[Store], object]) -> None:
    with pytest.raises(UnknownAnalysisError) as caught:
        call(store)
    assert caught.value.where == "nobody"


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    store = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('exact') / 'a.db'}")
    yield store
    store.close()


@given(psi=FLOATS, value=FLOATS, gradient=FLOATS, hessian=FLOATS)
def test_every_float_comes_back_with_the_same_bits(
    database: SqlStore, psi: float, value: float, gradient: float, hessian: float
) -> None:
    summed = ContributionMessage(value=value, gradient=(gradient,), hessian=(hessian,))
    analysis = database.add(new(), SPECIFICATION)
    database.add_round(analysis.id, replace(ROUND, psi=(psi,), summed=summed, log_likelihood=summed.value))
    back = database.rounds(analysis.id)[0]
    found = (*back.psi, back.summed.value, *back.summed.gradient, *back.summed.hessian)
    assert [number.hex() for number in found] == [number.hex() for number in (psi, value, gradient, hessian)]


def test_what_was_stored_is_there_for_the_next_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    before = SqlStore(url)
    analysis = before.add(new(), SPECIFICATION)
    before.add_round(analysis.id, ROUND)
    events = before.events(analysis.id)
    before.close()
    after = SqlStore(url)
    assert after.rounds(analysis.id) == [ROUND]
    assert after.events(analysis.id) == events
    after.close()


def test_a_database_that_cannot_be_opened_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        SqlStore(f"sqlite:///{tmp_path / 'nowhere' / 'a.db'}")
    with pytest.raises(SettingsError) as caught:
        SqlStore("nosuchdriver://me:secret@db/a")
    assert "secret" not in str(caught.value)
