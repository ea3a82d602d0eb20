"""While a fit is waited for there is a bar where somebody sees it, and nothing where nobody does."""

import io
import sys
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from coordinator.client import progress
from coordinator.client.following import Progress
from coordinator.client.progress import Way, showing, terminal


def standing(state: str, *waiting: str) -> dict[str, Any]:
    return {"state": state, "waiting_for": list(waiting), "since": "now", "links": {"result": None}}


def of_round(number: int, decrement: float | None) -> Progress:
    return Progress(standing("running"), [{"round": number, "decrement": decrement}])


def test_the_share_is_of_the_decrements_digits_and_never_goes_back() -> None:
    way, shares = Way(), []
    for number, decrement in enumerate((None, 1e-4, 0.1, 1e-12, 1e-40, 0.0)):
        way.take(of_round(number, decrement))
        shares.append(way.share)
    assert shares == pytest.approx([0.0, 0.25, 0.25, 0.75, 1.0, 1.0])


@pytest.mark.parametrize(
    ("news", "words"),
    [
        (of_round(3, 4.56e-5), "round 3, decrement 4.6e-05"),
        (of_round(1, None), "round 1"),
        (Progress(standing("awaiting_approval", "Bern", "Chur"), []), "awaiting approval: Bern, Chur"),
        (Progress(standing("paused", "Bern"), []), "paused: Bern"),
        (Progress(standing("running"), [], "The connection broke."), "The connection broke."),
    ],
)
def test_it_says_where_the_analysis_is_and_who_is_waited_for(news: Progress, words: str) -> None:
    way = Way()
    way.take(news)
    assert way.words == words


def test_on_a_terminal_the_bar_tells_rounds_and_a_broken_connection_stays_written() -> None:
    out = io.StringIO()
    with terminal(Console(file=out, force_terminal=True, width=100)) as show:
        show(of_round(2, 1e-3))
        show(Progress(standing("running"), [], "The connection to the coordinator broke."))
    assert "The connection to the coordinator broke." in out.getvalue()


def test_where_there_is_no_terminal_nothing_is_drawn() -> None:
    out = io.StringIO()
    with terminal(Console(file=out, force_terminal=False)) as show:
        show(of_round(2, 1e-3))
        show(Progress(standing("running"), [], "The connection broke."))
    assert out.getvalue() == ""


def test_without_progress_nothing_is_shown_and_ones_own_takes_the_place_of_the_bar(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "terminal", None)
    with showing(None, progress=False) as show:
        show(of_round(1, 0.5))
    heard: list[Progress] = []
    with showing(heard.append, progress=True) as show:
        show(of_round(1, 0.5))
    assert heard == [of_round(1, 0.5)]
    assert capfd.readouterr() == ("", "")


def test_in_a_notebook_one_output_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Output(ModuleType):
        HTML = str

        def display(self, html: str, **_: object) -> "Output":
            shown.append(html)
            return self

        def update(self, html: str) -> None:
            shown.append(html)

    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", Output("IPython.display"))
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    with showing(None, progress=True) as show:
        show(Progress(standing("paused", "<Bern>"), []))
        show(of_round(2, 1e-8))
    assert shown == [
        '<label><progress value="0.000" max="1">submitted</progress> submitted</label>',
        '<label><progress value="0.000" max="1">paused: &lt;Bern&gt;</progress> paused: &lt;Bern&gt;</label>',
        '<label><progress value="0.500" max="1">round 2, decrement 1.0e-08</progress> round 2, decrement 1.0e-08</label>',
    ]
