"""What crosses the wire is bounded: numbers, counts, labels and texts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import ContributionError, DataError
from shared.messages import LARGEST, About, Accepted, CloseRequest, ContributionMessage, Counts, Problem, StartMessage

ABOUT = {"site": "Bern", "version": "1", "protocol_min": 3, "protocol_max": 3, "fingerprint": "f", "policy": "open"}
COUNTS = {"rows": 9, "rows_dropped": 0, "groups": {"site": 1}}
ACCEPTED = {"specification_sha256": "0" * 64, "fingerprint": "f", "counts": COUNTS}
ENTRIES = {"value": -1.0, "gradient": (0.1,), "hessian": (-1.0,)}


@pytest.mark.parametrize(
    "change", [{"value": -2e100}, {"gradient": (1e308,)}, {"hessian": (-1e101,)}, {"information": ((1e101,),)}]
)
def test_a_number_beyond_the_largest_is_no_contribution(change: dict[str, object]) -> None:
    message = ContributionMessage.model_validate(ENTRIES | change)
    with pytest.raises(ContributionError, match="larger than"):
        message.contribution()
    with pytest.raises(ContributionError, match="larger than"):
        StartMessage(quadratics=(message,), totals=(1.0, 1.0)).contribution()


def test_totals_of_a_start_are_bounded_as_well() -> None:
    message = ContributionMessage.model_validate(ENTRIES)
    with pytest.raises(ContributionError, match="larger than"):
        StartMessage(quadratics=(message,), totals=(1.0, 1e308)).contribution()


def test_the_largest_itself_may_be_sent_and_a_sum_over_sites_may_exceed_it() -> None:
    assert ContributionMessage.model_validate(ENTRIES | {"value": -LARGEST}).contribution().value == -LARGEST
    summed = ContributionMessage.model_validate(ENTRIES | {"value": -3 * LARGEST})
    assert summed.contribution(math.inf).value == -3 * LARGEST


@pytest.mark.parametrize("field", ["rows", "rows_dropped", "groups"])
@pytest.mark.parametrize("count", [-1, 10**30])
def test_counts_are_counts(field: str, count: int) -> None:
    with pytest.raises(ValidationError, match=rf"{field}(\.site)?\n +Input should be (greater|less) than"):
        Counts.model_validate(COUNTS | {field: {"site": count} if field == "groups" else count})


def test_the_groups_are_those_of_as_many_factors_as_a_model_may_have() -> None:
    longest = "g" * 400
    for groups in ({}, {"site": 1, "ward:clinic": 4}, {longest: 4}):
        assert Counts.model_validate(COUNTS | {"groups": groups}).groups == groups
    for groups in ({"a": 1, "b": 1, "c": 1}, {f"{longest}g": 1}, {"\x1b[2J": 1}):
        with pytest.raises(ValidationError, match="groups"):
            Counts.model_validate(COUNTS | {"groups": groups})


@pytest.mark.parametrize("field", ["site", "version", "fingerprint"])
def test_who_a_site_is_fits_a_line(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        About.model_validate(ABOUT | {field: "x" * 201})


def test_labels_of_the_other_messages_fit_a_line() -> None:
    for field in ("fingerprint", "specification_sha256"):
        with pytest.raises(ValidationError, match=field):
            Accepted.model_validate(ACCEPTED | {field: "x" * 201})
    with pytest.raises(ValidationError, match="outcome"):
        CloseRequest(outcome="x" * 201)


@given(st.text(max_size=50))
def test_a_problem_never_controls_a_terminal(text: str) -> None:
    problem = Problem(code=text, message=text, where=text, remedy=text, rule=text)
    assert all(getattr(problem, field).isprintable() for field in ("code", "message", "where", "remedy", "rule"))


def test_plain_words_of_a_problem_stay_as_they_are() -> None:
    assert Problem(code="x", message="Zürich: ß > 2, “all”.").message == "Zürich: ß > 2, “all”."


def test_a_fault_that_is_too_long_is_told_in_part() -> None:
    assert Problem.of(DataError("x" * 5000)).message == "x" * 2000
