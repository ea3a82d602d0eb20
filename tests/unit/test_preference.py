"""The header `Prefer: wait`, as RFC 7240 has it: what is not of its form is as if it were not there."""

import pytest

from coordinator.preference import LONGEST_WAIT, preferred_wait


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["wait=60"], 60),
        (["wait=0"], 0),
        (["Wait = 7"], 7),
        (['wait="7"'], 7),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10"], 10),
        (["wait=10; strict"], 10),
        (['handling="a, wait=9", wait=10'], 10),
        (["wait=10, wait=20"], 10),
        (["wait=601"], LONGEST_WAIT),
        (["wait=999999999999999999"], LONGEST_WAIT),
    ],
)
def test_the_seconds_that_are_preferred(headers: list[str], seconds: int) -> None:
    assert preferred_wait(headers) == seconds


@pytest.mark.parametrize(
    "header",
    [
        "",
        "wait",
        "wait=",
        "wait=-1",
        "wait=1.5",
        "wait=1e3",
        "wait=ten",
        'wait="10',
        "wait=1 0",
        "wait=\u0663",
        "waits=9",
    ],
)
def test_what_is_malformed_is_ignored(header: str) -> None:
    assert preferred_wait([header]) is None


def test_an_overlong_number_is_ignored_not_a_crash() -> None:
    assert preferred_wait(["wait=" + "9" * 10_000]) is None
