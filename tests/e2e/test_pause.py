"""A site that is missing or silent: who is waited for, since when, and how it ends when the wait is over."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.e2e.small_federation import Federation, eventually, small_federation

SECONDS = 2.0


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    folder = tmp_path_factory.mktemp("pause")
    with small_federation(folder, site_deadline_seconds=SECONDS, round_deadline_seconds=SECONDS) as running:
        yield running


@pytest.fixture
def federation(_running: Federation) -> Iterator[Federation]:
    """Whatever a test has done to it, the next analysis runs."""
    yield _running
    _running.healthy()


@pytest.mark.parametrize("missing", [("Bern",), ("Aarau", "Chur")])
def test_missing_sites_are_waited_for_by_name_and_over_the_deadline_it_has_failed_with_the_remedy(
    federation: Federation, missing: tuple[str, ...]
) -> None:
    with ExitStack() as gates:
        held = [gates.enter_context(federation.gates[name].holding("2", "question")) for name in missing]
        analysis = federation.submit()
        for name, hold in zip(missing, held, strict=True):
            hold.wait()
            federation.sites[name].kill()
        running = federation.view(analysis)
    eventually(lambda: federation.view(analysis)["waiting_for"] == list(missing))
    paused = federation.view(analysis)
    view = federation.until(analysis, "failed")
    assert paused["state"] == "paused"
    assert running["since"] < paused["since"]
    assert [problem["where"] for problem in view["problems"]] == list(missing)
    assert {problem["code"] for problem in view["problems"]} == {"site_unreachable"}
    assert view["problem"]["remedy"] == "Is its node running, and its url right?"
    assert (view["waiting_for"], view["round"]) == ([], 1)


@contextmanager
def silent(federation: Federation, site: str) -> Iterator[None]:
    """A site that is connected and answers nothing."""
    federation.sites[site].process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        federation.sites[site].process.send_signal(signal.SIGCONT)


def test_a_site_that_is_silent_at_the_first_question_is_waited_for_by_name_as_one_that_is_down(
    federation: Federation,
) -> None:
    with silent(federation, "Chur"):
        analysis = federation.submit()
        eventually(lambda: federation.view(analysis)["waiting_for"] == ["Chur"])
        assert federation.view(analysis)["state"] == "paused"
    federation.until(analysis, "converged")
    with silent(federation, "Chur"):
        view = federation.until(federation.submit(), "failed")
    problem = view["problem"]
    assert (problem["where"], problem["code"]) == ("Chur", "site_unreachable")
    assert problem["message"] == "no answer within 2 s."


@pytest.mark.parametrize("step", ["prepare", "2"])
def test_a_site_that_accepts_and_never_answers_is_named_with_its_deadline(federation: Federation, step: str) -> None:
    with federation.gates["Chur"].holding(step):
        view = federation.until(federation.submit(), "failed")
    assert (view["problem"]["where"], view["problem"]["code"]) == ("Chur", "site_late")
    assert view["problem"]["message"] == "no answer within 2 s."


def test_a_site_that_is_silent_at_the_end_takes_only_its_own_effect_from_the_result(federation: Federation) -> None:
    with federation.gates["Chur"].holding("close"):
        _, result = federation.fitted()
    assert [row["level"] for row in result["tidy"] if row["effect"] == "ran_vals"] == ["Aarau", "Bern"]
