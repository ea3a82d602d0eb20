"""Server-sent events, read from bytes as they come: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerEvent:
    """One event."""

    id: str
    """Of this event, or of the last one that had an id."""
    kind: str
    data: str


class EventStream:
    """The reader of one stream: bytes in, events out. It reads nothing by itself, so that anybody can drive it."""

    def __init__(self) -> None:
        self._decoder = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder("utf-8-sig")("replace"), translate=True
        )
        self._rest = ""
        self._last, self._kind = "", ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that a chunk completes. One that the stream breaks off is none; comments are passed over."""
        # lines end with LF, CR LF or CR, and with nothing else that Unicode has to end a line
        *lines, self._rest = (self._rest + self._decoder.decode(chunk)).split("\n")
        for line in lines:
            if line:
                self._field(line)
                continue
            if self._data:
                yield ServerEvent(self._last, self._kind or "message", "\n".join(self._data))
            self._kind, self._data = "", []

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._last = value
