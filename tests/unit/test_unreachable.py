"""An unknown host, a refused connection and a TLS fault are told apart, at sites and at the coordinator, with the address."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import httpx
import pytest

from coordinator import site_connection
from coordinator.client import Coordinator
from coordinator.site_answers import UNREACHABLE, Answering
from coordinator.site_client import SiteClient
from coordinator.site_connection import SiteConnection
from shared.errors import SiteError
from shared.unreachable import why


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_connection, "RETRY_PAUSES", ())


@pytest.fixture
def plain() -> Iterator[str]:
    """An address where something answers that speaks no TLS."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer() -> None:
            with suppress(OSError):  # the test is over
                while True:
                    with server.accept()[0] as connection:
                        connection.recv(1000)
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def of_a_site(url: str) -> SiteError:
    async def ask() -> None:
        async with SiteClient(SiteConnection(Answering("Bern", url), deadline=20)) as site:
            await site.about()

    with pytest.raises(SiteError) as caught:
        asyncio.run(ask())
    assert (caught.value.code, caught.value.where) == (UNREACHABLE, "Bern")
    return caught.value


def of_the_coordinator(url: str) -> SiteError:
    with pytest.raises(SiteError) as caught, Coordinator(url) as coordinator:
        coordinator.analyses()
    assert (caught.value.code, caught.value.where) == ("unreachable", url)
    return caught.value


@pytest.mark.parametrize("asked", [of_a_site, of_the_coordinator])
def test_a_refused_connection_is_told_with_the_address(asked: Callable[[str], SiteError]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    error = asked(url)
    assert "(nothing listens there: the connection is refused)" in error.message
    assert url in str(error)


@pytest.mark.parametrize("asked", [of_a_site, of_the_coordinator])
def test_a_host_without_an_address_is_told_with_its_name(
    monkeypatch: pytest.MonkeyPatch, asked: Callable[[str], SiteError]
) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = asked("http://fedglmm.bern.example")
    assert "(the name of its host cannot be resolved)" in error.message
    assert "http://fedglmm.bern.example" in str(error)


@pytest.mark.parametrize("asked", [of_a_site, of_the_coordinator])
def test_a_server_without_tls_is_told_with_the_address(plain: str, asked: Callable[[str], SiteError]) -> None:
    error = asked(plain)
    assert "(TLS: the handshake fails; does it speak https?)" in error.message
    assert plain in str(error)


def test_a_certificate_that_is_not_accepted_says_why_also_behind_other_errors() -> None:
    refused = ssl.SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED")
    refused.verify_message = "self-signed certificate"
    error = httpx.ConnectError("failed")
    error.__cause__ = ExceptionGroup("attempts", [TimeoutError(), refused])
    assert why(error) == "TLS: its certificate is not accepted, self-signed certificate"


def test_what_has_no_better_word_is_told_by_its_kind() -> None:
    assert why(httpx.ReadError("its text")) == "ReadError"
