"""Bodies that are too large, or that never come: both servers stay small and quick for everybody else."""

import os
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from shared.messages import Problem
from tests.e2e.small_federation import Federation, key

HUNDRED_MB = 100 * 2**20
PIECE = b" " * 2**16
TRICKLES = 50
GROWTH = 100 * 2**20
"""Bytes of memory: the site's own limit of 64 MB and what comes with it, not the 200 MB that are sent."""


def addressed(federation: Federation, server: str) -> tuple[str, dict[str, str], int]:
    """Where a server takes the largest bodies, the key that it wants, and its process."""
    if server == "coordinator":
        return f"{federation.http.base_url}analyses", {}, federation.coordinator.process.pid
    headers = {"Authorization": f"Bearer {key('Bern')}"}
    return f"{federation.address('Bern')}/v1/analyses/a/contributions", headers, federation.sites["Bern"].process.pid


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def refused(url: str, header: str) -> bytes:
    """The answer to a body of 100 MB, of which as much is sent as the server takes."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n{header}\r\n\r\n"
    piece = b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if "chunked" in header else PIECE
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as connection:
        answer = b""
        with suppress(ConnectionError):  # it has read enough, and said so
            connection.sendall(head.encode())
            for _ in range(HUNDRED_MB // len(PIECE)):
                connection.sendall(piece)
        with suppress(ConnectionError):
            while chunk := connection.recv(2**16):
                answer += chunk
    return answer


@pytest.mark.parametrize("server", ["coordinator", "site"])
@pytest.mark.parametrize("header", [f"Content-Length: {HUNDRED_MB}", "Transfer-Encoding: chunked"])
def test_a_body_of_100_mb_is_refused_and_does_not_fill_the_memory(
    federation: Federation, server: str, header: str
) -> None:
    url, headers, pid = addressed(federation, server)
    before = resident(pid)
    lines = "\r\n".join([header, *(f"{name}: {value}" for name, value in headers.items())])
    answer = refused(url, lines)
    assert resident(pid) - before < GROWTH
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert Problem.model_validate_json(answer.split(b"\r\n\r\n", 1)[1]).code == "too_large"
    federation.until(federation.submit(), "converged")


@pytest.mark.parametrize("server", ["coordinator", "site"])
def test_others_are_answered_while_many_bodies_trickle_in(federation: Federation, server: str) -> None:
    url, headers, _ = addressed(federation, server)
    parts = urlsplit(url)
    head = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Content-Length: 1000"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    with ExitStack() as open_ones:
        for _ in range(TRICKLES):
            connection = open_ones.enter_context(socket.create_connection((parts.hostname or "", parts.port or 0)))
            connection.sendall("\r\n".join([*head, "", "{"]).encode())
        began = time.monotonic()
        federation.until(federation.submit(), "converged")
        assert httpx.get(f"{parts.scheme}://{parts.netloc}/health").json() == {"status": "ok"}
        assert time.monotonic() - began < 10
