"""Bytes cross the wire in one spelling: what Python's base64 writes is read, and nothing else is."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.masking.messages import MaskedReply
from shared.validation import in_words

NOT_BASE64 = "this is not base64 (A-Z, a-z, 0-9, + and /, padded with = to a multiple of four)."


def read(numbers: str) -> bytes:
    return MaskedReply.model_validate({"round": 1, "numbers": numbers}).numbers


@given(st.binary(max_size=200))
def test_what_is_written_reads_back_and_is_what_python_writes(content: bytes) -> None:
    reply = MaskedReply(round=1, numbers=content)
    assert reply.model_dump(mode="json")["numbers"] == b64encode(content).decode()
    assert MaskedReply.model_validate_json(reply.written) == reply


@given(st.binary(min_size=1, max_size=20), st.data())
def test_any_other_letter_is_refused(content: bytes, data: st.DataObject) -> None:
    text = b64encode(content).decode()
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("-_ .\n\\é\u2028"))
    with pytest.raises(ValidationError):
        read(text[:place] + letter + text[place + 1 :])


@pytest.mark.parametrize(
    "text", ["AA", "AAA", "A", "A===", "AA=A", "=AAA", "AA==AAAA", "AAAA====", "AAAA\n", "AA+_", "AB==", "AAB=", "é==="]
)
def test_another_spelling_is_refused_in_words_that_do_not_quote_it(text: str) -> None:
    """No padding, too much of it, URLs' alphabet, and bits behind the last byte."""
    with pytest.raises(ValidationError) as caught:
        read(text)
    told = in_words(caught.value, MaskedReply)
    assert (told.where, told.message) == ("numbers", NOT_BASE64)
