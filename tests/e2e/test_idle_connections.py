"""Somebody without a key who holds every connection costs no analysis, and keeps nobody out."""

import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.e2e.small_federation import SITES, small_federation

FILES, CONNECTIONS = 512, 700
LIMITED = ("sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh")


def test_more_idle_connections_than_files_cost_no_analysis_and_keep_nobody_out(tmp_path: Path) -> None:
    with small_federation(tmp_path, LIMITED) as federation, ExitStack() as held:
        url = federation.coordinator.announced()["url"]
        address = (urlsplit(url).hostname, urlsplit(url).port)
        with federation.gates[SITES[0]].holding("2") as hold:
            analysis = federation.submit()
            hold.wait()
            for _ in range(CONNECTIONS):
                held.enter_context(socket.create_connection(address, timeout=20))
            assert httpx.get(f"{url}/health", timeout=20).status_code == 200
        federation.until(analysis, "converged")
        held.close()
        assert httpx.get(f"{url}/health", timeout=20).status_code == 200
        federation.healthy()
        assert "Traceback" not in federation.coordinator.log
        assert len(federation.coordinator.log.splitlines()) < 100
