"""A packed contribution holds the numbers of the JSON one, to the bit; bytes that are none are refused in words."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import packed
from shared.errors import ContributionError
from shared.messages import ContributionMessage, EvaluateReply

MESSAGE = ContributionMessage(value=-1.5, gradient=(0.1, -0.0), hessian=(-1.0, 0.25, -5e-324))
REPLY = EvaluateReply(round=3, contribution=MESSAGE)
BYTES = packed.pack(REPLY)


def with_number(place: int, number: float) -> bytes:
    at = 16 + 8 * place
    return BYTES[:at] + struct.pack("<d", number) + BYTES[at + 8 :]


def test_it_holds_what_json_holds() -> None:
    number, contribution = packed.unpack(BYTES)
    expected = MESSAGE.contribution()
    assert (number, contribution.value) == (3, expected.value)
    assert contribution.gradient.tobytes() == expected.gradient.tobytes()
    assert contribution.hessian.tobytes() == expected.hessian.tobytes()


def test_its_bytes_are_those_that_the_page_describes() -> None:
    assert struct.pack("<7sBII6d", b"fedglmm", 1, 3, 2, -1.5, 0.1, -0.0, -1.0, 0.25, -5e-324) == BYTES


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(b"", "no packed contribution", id="nothing"),
        pytest.param(BYTES[:15], "no packed contribution", id="half a header"),
        pytest.param(b"fedglmm\x02" + BYTES[8:], "no packed contribution", id="another form"),
        pytest.param(REPLY.written, "no packed contribution", id="JSON"),
        pytest.param(BYTES[:16], "16 bytes instead of 64", id="a header only"),
        pytest.param(BYTES[:-1], "63 bytes instead of 64", id="a byte too few"),
        pytest.param(BYTES + b"\0", "65 bytes instead of 64", id="a byte too many"),
        pytest.param(BYTES[:12] + b"\xff" * 4 + BYTES[16:], "64 bytes instead of 7378", id="a size of four milliards"),
        pytest.param(with_number(0, float("nan")), "not finite", id="NaN as the value"),
        pytest.param(with_number(2, float("nan")), "not finite", id="NaN in the gradient"),
        pytest.param(with_number(5, float("nan")), "not finite", id="NaN in the triangle"),
        pytest.param(with_number(1, float("-inf")), "larger than 1e+100", id="infinity"),
        pytest.param(with_number(4, 1e101), "larger than 1e+100", id="a huge number"),
    ],
)
def test_bytes_that_are_no_contribution_are_refused(answer: bytes, said: str) -> None:
    with pytest.raises(ContributionError) as caught:
        packed.unpack(answer)
    assert said in caught.value.message


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_contribution_or_refused(answer: bytes, headed: bool) -> None:
    try:
        _, contribution = packed.unpack(BYTES[:8] + answer if headed else answer)
    except ContributionError:
        return
    assert np.isfinite(contribution.hessian).all()


@pytest.mark.parametrize(
    ("accept", "asked"),
    [
        (packed.MEDIA_TYPE, True),
        (f"{packed.MEDIA_TYPE}, application/json", True),
        (f"application/json,{packed.MEDIA_TYPE}", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/*", False),
        (f"{packed.MEDIA_TYPE};q=0", False),
        (f"{packed.MEDIA_TYPE}.other", False),
    ],
)
def test_it_is_sent_only_where_it_is_asked_for_by_name(accept: str, asked: bool) -> None:
    assert packed.accepted(accept) is asked


def test_it_is_smaller_than_json() -> None:
    P = 200
    numbers = np.random.default_rng(1).normal(size=P * (P + 1) // 2)
    message = ContributionMessage(value=1.0, gradient=tuple(numbers[:P].tolist()), hessian=tuple(numbers.tolist()))
    reply = EvaluateReply(round=1, contribution=message)
    assert 2 * len(packed.pack(reply)) < len(reply.written)
