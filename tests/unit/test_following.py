"""An analysis is followed over connections that break, from where they broke, and not for ever."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from coordinator.client import following
from coordinator.client.faults import UNREACHABLE
from coordinator.client.following import Progress, follow
from shared.errors import SiteError, UnknownAnalysisError

PATIENCE = 60


def view(state: str) -> dict[str, object]:
    return {"state": state, "links": {"result": "there" if state == "converged" else None}}


def state(number: int, name: str) -> bytes:
    return f"id: {number}\nevent: state\ndata: {json.dumps(view(name))}\n\n".encode()


def round_(number: int, which: int) -> bytes:
    return f'id: {number}\nevent: round\ndata: {{"round": {which}}}\n\n'.encode()


GONE = SiteError("gone.", code=UNREACHABLE)


class Line:
    """A coordinator whose connections do what they are told to, one after the other; the clock is the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *connections: "list[bytes | Exception] | Exception") -> None:
        self.asked: list[str] = []
        self.now = 0.0
        self._connections = list(connections)
        monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep))

    @contextmanager
    def opened(self, last: str) -> Iterator[Iterator[bytes]]:
        self.asked.append(last)
        does = self._connections.pop(0) if self._connections else GONE
        if isinstance(does, Exception):
            raise does
        yield self._chunks(does)

    def followed(self, standing: str = "submitted") -> list[Progress]:
        return list(follow(self.opened, view(standing), PATIENCE))

    def _chunks(self, chunks: "list[bytes | Exception]") -> Iterator[bytes]:
        for chunk in chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def test_states_and_rounds_come_with_the_analysis_as_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch, [state(1, "running"), round_(2, 1), b": ping\n\n", state(3, "converged")])
    assert line.followed() == [
        Progress(view("running"), []),
        Progress(view("running"), [{"round": 1}]),
        Progress(view("converged"), []),
    ]


def test_a_broken_connection_is_taken_up_after_the_last_event_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch, [state(1, "running"), round_(2, 1), GONE], GONE, [round_(3, 2), state(4, "converged")])
    progress = line.followed()
    assert line.asked == ["", "2", "2"]
    assert [entry["round"] for one in progress for entry in one.rounds] == [1, 2]
    notices = [one.notice for one in progress if one.notice]
    assert notices == [
        "The connection to the coordinator broke. Trying again for 60 s.",
        "The coordinator answers again.",
    ]


def test_a_stream_that_ends_before_the_analysis_does_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch, [state(1, "running")], [state(2, "refused")])
    assert line.followed()[-1] == Progress(view("refused"), [])
    assert line.asked == ["", "1"]


def test_patience_begins_anew_with_every_connection_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch, [state(1, "running")], *[GONE] * 50, [b": ping\n\n"])
    with pytest.raises(SiteError) as caught:
        line.followed()
    assert caught.value.code == UNREACHABLE
    assert 50 + PATIENCE <= line.now <= 50 + PATIENCE + 5


def test_a_coordinator_that_never_answered_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch, GONE)
    with pytest.raises(SiteError):
        line.followed()
    assert line.now == 0


def test_an_analysis_that_is_deleted_meanwhile_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(monkeypatch, [state(1, "running")], UnknownAnalysisError())
    with pytest.raises(UnknownAnalysisError):
        line.followed()
