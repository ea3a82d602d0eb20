"""Server-sent events are read as the standard has it, wherever the network cuts the stream."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.client.event_stream import EventStream, ServerEvent

STREAM = (
    "retry: 1000\n\n"
    ": a comment\n\n"
    'id: 1\nevent: state\ndata: {"title": "Z\u00fcrich\u2028\x85\x0b"}\n\n'
    "event: round\ndata: one\ndata:two\n\n"
    "id: 3\ndata\n\n"
    "id: 4\ndata: never finished"
).encode()
EVENTS = [
    ServerEvent("1", "state", '{"title": "Z\u00fcrich\u2028\x85\x0b"}'),
    ServerEvent("1", "round", "one\ntwo"),
    ServerEvent("3", "message", ""),
]


def parsed(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    stream = EventStream()
    return (event for chunk in chunks for event in stream.feed(chunk))


@given(st.lists(st.integers(0, len(STREAM)), max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_the_cuts_of_the_network_and_the_line_ends_do_not_matter(cuts: list[int], end: bytes) -> None:
    stream = STREAM.replace(b"\n", end)
    chunks = [stream[a:b] for a, b in pairwise([0, *sorted(cuts), len(stream)])]
    assert list(parsed(chunks)) == EVENTS


@pytest.mark.parametrize("stream", [b"", b"\n\n", b": ping\n\n", b"event: state\n\n", b"id: 5\n\n"])
def test_without_data_there_is_no_event(stream: bytes) -> None:
    assert list(parsed([stream])) == []


def test_a_byte_order_mark_is_passed_over() -> None:
    assert [event.data for event in parsed([b"\xef\xbb", b"\xbfdata: x\n\n"])] == ["x"]


def test_an_event_is_there_before_the_stream_ends() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"data: now\n\n"
        raise AssertionError("the next bytes were waited for")

    assert next(parsed(chunks())).data == "now"
