"""A proxy in front of one site that can hold a question or its answer back, or change the answer."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

LONGEST_HOLD = 60.0
"""Seconds after which what is held is let go, whatever the test forgot."""
NOT_PASSED = {"connection", "transfer-encoding", "date", "server"}


def step_of(path: str, body: dict[str, Any]) -> str:
    """What a request is in an analysis: about, prepare, start, close, or a round's number."""
    last = path.rsplit("/", 1)[-1]
    return ("start" if body["kind"] == "start" else str(body["round"])) if last == "contributions" else last


@dataclass
class Hold:
    """One exchange that is held: the question before the site sees it, or the answer that the site gave."""

    step: str
    where: str
    reached: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)
    taken: bool = False
    lost: bool = False

    def wait(self) -> None:
        assert self.reached.wait(LONGEST_HOLD), f"{self.step} never came by"

    def lose(self) -> None:
        """Lets it go without an answer: the connection breaks."""
        self.lost = True
        self.free.set()


class Gate:
    """Listens on a port of its own for a site that listens on another."""

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        """Every step that the site was asked for, in order."""
        self.answers: Callable[[str], tuple[int, bytes] | None] = lambda _step: None
        """Answers instead of the site."""
        self._port = port
        self._holds: list[Hold] = []
        self._lock = threading.Lock()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                gate.pass_on(self)

            do_POST = do_GET  # noqa: N815 -- http.server's name

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def holding(self, step: str, where: str = "answer") -> Iterator[Hold]:
        """The next such exchange is held until it is released, or the block ends."""
        try:
            yield self.hold(step, where)
        finally:
            self.open()

    def hold(self, step: str, where: str = "answer") -> Hold:
        """The next such exchange is held until it is released, or everything is let pass."""
        hold = Hold(step, where)
        with self._lock:
            self._holds.append(hold)
        return hold

    def open(self) -> None:
        """Lets everything pass."""
        with self._lock:
            for hold in self._holds:
                hold.free.set()
            self._holds.clear()

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        step = step_of(request.path, json.loads(body or b"{}"))
        answer = None
        if self._passes(step, "question"):
            self.asked.append(step)
            answer = self.answers(step) or self._asked(request, body)
        if not self._passes(step, "answer") or answer is None:  # the connection ends as it would without a proxy
            request.close_connection = True
            return
        status, content = answer
        with suppress(OSError):  # the coordinator may be gone
            request.send_response(status)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)

    def _asked(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes] | None:
        site = HTTPConnection("127.0.0.1", self._port, timeout=LONGEST_HOLD)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in NOT_PASSED}
            site.request(request.command, request.path, body=body or None, headers=headers)
            response = site.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException):
            return None
        finally:
            site.close()

    def _passes(self, step: str, where: str) -> bool:
        """Whether the exchange goes on, once it is no longer held here."""
        with self._lock:
            found = next((h for h in self._holds if (h.step, h.where, h.taken) == (step, where, False)), None)
            if found is not None:
                found.taken = True
        if found is None:
            return True
        found.reached.set()
        found.free.wait(LONGEST_HOLD)
        return not found.lost
