"""What a site remembers of what left it, over restarts and faults of the disk."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from shared.errors import DataError, RefusedError, SettingsError, StoreError
from shared.messages import EvaluateRequest
from shared.specification import Specification
from site_node.data.units import Known
from site_node.release.budget import Budget, check_roster
from site_node.release.gate import Gate
from site_node.release.history import History
from tests.unit.smallest import SPECIFICATION

SECRET = b"known-to-the-site-alone"
DAY = 86400.0
ROWS = np.arange(30, dtype=np.uint64)


def each(rows: np.ndarray) -> Known:
    """Rows each of which is a unit."""
    return Known(rows, rows)


EVERYBODY, ALL_BUT_ONE = each(ROWS), each(ROWS[1:])


class Clock:
    now = 1000 * DAY

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def gate(file: Path, clock: Clock | None = None, **budget: int) -> Gate:
    return Gate(History(file, SECRET), Budget(**budget), clock or Clock())


def history_of(held: Gate) -> History:
    assert held.history is not None
    return held.history


def titled(title: str) -> Specification:
    return SPECIFICATION.model_copy(update={"title": title})


def asked(number: int, psi: float) -> EvaluateRequest:
    told = {"round": number, "psi": [psi], "basis": [], "specification_sha256": SPECIFICATION.sha256}
    return EvaluateRequest.model_validate({"kind": "evaluate", "previous": None} | told)


def begun(file: Path) -> Gate:
    made = gate(file)
    made.admit("one", SPECIFICATION, "data", [EVERYBODY])
    made.release("one", asked(1, 0.1), [EVERYBODY], 50)
    return made


def test_a_round_has_one_psi_also_after_a_restart(file: Path) -> None:
    begun(file)
    again = gate(file)
    assert again.admit("one", SPECIFICATION, "data", [EVERYBODY]).answered == {1: ((0.1,), (), 1)}
    again.release("one", asked(1, 0.1), [], 50)
    with pytest.raises(RefusedError) as caught:
        again.release("one", asked(1, 0.2), [], 50)
    assert (caught.value.rule, caught.value.code) == ("G3", "round_answered")
    assert again.admit("one", SPECIFICATION, "data", [EVERYBODY]).answered == {1: ((0.1,), (), 1)}


def test_an_analysis_that_has_ended_is_known_to_have_ended_for_ever(file: Path) -> None:
    begun(file).close("one")
    assert gate(file).admit("one", SPECIFICATION, "data", [EVERYBODY]).closed


def test_an_analysis_has_one_specification_also_after_a_restart(file: Path) -> None:
    begun(file)
    with pytest.raises(DataError, match="prepared with another specification"):
        gate(file).admit("one", titled("another"), "data", [EVERYBODY])


def test_the_budget_is_of_new_specifications_of_the_same_data_in_a_window_also_after_a_restart(file: Path) -> None:
    clock = Clock()
    for k in range(3):
        gate(file, clock, specifications=3).admit(f"a{k}", titled(f"{k}"), "data", [])
    limited = gate(file, clock, specifications=3)
    with pytest.raises(RefusedError) as caught:
        limited.admit("more", titled("3"), "data", [])
    assert (caught.value.rule, caught.value.code) == ("G3", "budget_spent")
    assert not any(character.isdigit() for character in str(caught.value))
    limited.admit("again", titled("2"), "data", [])
    limited.admit("elsewhere", titled("3"), "other data", [])
    clock.now += 30 * DAY
    limited.admit("later", titled("3"), "data", [])


def test_what_is_refused_is_not_counted(file: Path) -> None:
    held = begun(file)
    with pytest.raises(RefusedError):
        held.admit("two", titled("two"), "data", [ALL_BUT_ONE])
    with history_of(held).writing() as kept:
        assert not kept.was_asked("data", titled("two").sha256)


def test_cohorts_count_from_what_left_and_outlive_a_restart(file: Path) -> None:
    held = gate(file)
    held.admit("asked only", SPECIFICATION, "data", [EVERYBODY])
    held.admit("two", titled("two"), "data", [ALL_BUT_ONE])
    held.release("two", asked(1, 0.1), [ALL_BUT_ONE], 50)
    with pytest.raises(RefusedError) as caught:
        held.release("asked only", asked(1, 0.1), [EVERYBODY], 50)
    assert caught.value.code == "small_difference"
    with pytest.raises(RefusedError):
        gate(file).admit("three", titled("three"), "newer data", [each(np.append(ROWS[1:], np.uint64(99)))])
    assert gate(file).admit("asked only", SPECIFICATION, "data", [ALL_BUT_ONE]).answered == {}


def test_every_cohort_comes_back_from_the_file_as_it_was_released(file: Path) -> None:
    held = gate(file)
    for k, cohort in enumerate((each(ROWS[:20]), each(ROWS[5:15]), EVERYBODY)):
        held.admit(f"a{k}", SPECIFICATION, "data", [cohort])
        held.release(f"a{k}", asked(1, 0.1), [cohort], 50)
    with History(file, SECRET).writing() as kept:
        found = kept.released()
    np.testing.assert_array_equal(found.rows, ROWS)
    np.testing.assert_array_equal(found.units, ROWS)
    assert np.unique(found.atoms(), return_counts=True)[1].tolist() == [10, 10, 10]
    assert len(found.cohorts) == 3


def test_the_rosters_that_were_joined_in_a_window_are_known(file: Path) -> None:
    clock = Clock()
    held = gate(file, clock)
    for name, roster in (("a", ("A", "B")), ("b", ("A", "B", "C"))):
        held.admit(name, SPECIFICATION.model_copy(update={"roster": roster}), "data", [])
        held.release(name, asked(1, 0.1), [], 50)
        with history_of(held).writing() as kept:
            kept.join(name, clock.now)
        clock.now += DAY
    held.admit("c", SPECIFICATION.model_copy(update={"roster": ("D",)}), "data", [])
    held.release("c", asked(1, 0.1), [], 50)
    with history_of(held).writing() as kept:
        assert kept.rosters("data", clock.now - 30 * DAY) == {("A", "B"), ("A", "B", "C")}
        assert kept.rosters("data", clock.now - 1.5 * DAY) == {("A", "B", "C")}
        assert kept.rosters("other data", 0.0) == set()


def test_a_site_that_is_hidden_by_others_only_joins_one_roster() -> None:
    joined = {("A", "B", "C")}
    check_roster(("C", "B", "A"), joined)
    check_roster(("A", "B"), set())
    for roster in (("A", "B"), ("A", "B", "C", "D")):
        with pytest.raises(RefusedError) as caught:
            check_roster(roster, joined)
        assert (caught.value.rule, caught.value.code) == ("G4", "other_roster")


def test_a_second_roster_is_refused_in_the_window_also_after_a_restart_and_writes_nothing_down(file: Path) -> None:
    clock = Clock()
    gate(file, clock).admit("one", SPECIFICATION, "data", [])
    gate(file, clock).join("one", SPECIFICATION, "data")
    other = SPECIFICATION.model_copy(update={"roster": (*SPECIFICATION.roster, "C")})
    again = gate(file, clock)
    for name, specification, data in (("two", other, "data"), ("same", SPECIFICATION, "data"), ("new", other, "new")):
        again.admit(name, specification, data, [])
    with pytest.raises(RefusedError) as caught:
        again.join("two", other, "data")
    assert caught.value.code == "other_roster"
    again.join("same", SPECIFICATION, "data")
    again.join("new", other, "new")
    clock.now += 30 * DAY
    again.join("two", other, "data")


def test_rounds_in_which_nothing_was_said_outlive_a_restart_and_count_once(file: Path) -> None:
    held = begun(file)
    for number in (2, 3, 2):
        held.withhold("one", number)
    assert gate(file).admit("one", SPECIFICATION, "data", [EVERYBODY]).withheld == {2, 3}
    assert gate(file).admit("two", SPECIFICATION, "data", [EVERYBODY]).withheld == frozenset()


def test_nothing_leaves_when_it_cannot_be_written_down(file: Path) -> None:
    held = begun(file)
    history_of(held)._connection.execute("PRAGMA max_page_count = 1")  # as a disk that is full
    large = asked(2, 0.1).model_copy(update={"psi": tuple(range(20_000))})
    with pytest.raises(
        StoreError, match=r"cannot be read or written down \(SQLITE_FULL\), so nothing leaves"
    ) as caught:
        held.release("one", large, [], 50)
    assert caught.value.remedy
    assert gate(file).admit("one", SPECIFICATION, "data", [EVERYBODY]).answered.keys() == {1}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.write_bytes(b"a page of something else" * 200), "is damaged, or is no history"),
        (lambda file: file.write_bytes(file.read_bytes()[:9000]), "is damaged"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be written"),
    ],
)
def test_a_file_that_is_torn_or_something_else_is_told_at_the_start_with_the_remedy(
    file: Path, spoil: Callable[[Path], object], words: str
) -> None:
    begun(file)
    spoil(file)
    with pytest.raises(SettingsError, match=words) as caught:
        History(file, SECRET)
    assert str(file) in caught.value.message
    assert caught.value.remedy


def test_another_programs_database_is_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("CREATE TABLE notes (text TEXT)")
    before = file.read_bytes()
    with pytest.raises(SettingsError, match="another program"):
        History(file, SECRET)
    assert file.read_bytes() == before


def test_with_another_secret_the_site_would_know_no_row_again_and_does_not_start(file: Path) -> None:
    begun(file)
    with pytest.raises(SettingsError, match="another secret_file") as caught:
        History(file, b"another")
    assert "Put the old secret_file back" in caught.value.remedy


def test_nobody_else_can_read_it(file: Path) -> None:
    begun(file)
    assert file.stat().st_mode & 0o777 == 0o600
