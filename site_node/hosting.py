"""One process that serves one site, or many on their own ports, in one event loop."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from anyio import CapacityLimiter
from threadpoolctl import threadpool_limits

from shared import logged, serving
from shared.errors import SettingsError
from shared.keys import others_can_read
from shared.listening import announce, listen_on, url_of
from shared.tls import check_certificate
from site_node.app import create_app
from site_node.settings import SiteSettings

_GRACE_SECONDS = 2
_LAST_SECONDS = 0.2
"""For what remains to be done after the grace period."""
_OWNER_ONLY = 0o077
"""What group and others must not have."""


@dataclass(frozen=True)
class _Listener:
    settings: SiteSettings
    socket: socket.socket

    @property
    def url(self) -> str:
        return url_of(self.socket, tls=self.settings.tls_certificate is not None)


class _Server(serving.Server):
    """A site's server. It says when it listens, and leaves the signals to the process."""

    def __init__(self, settings: SiteSettings, limiter: CapacityLimiter) -> None:
        super().__init__(
            create_app(settings, limiter=limiter),
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def run(sites: Sequence[SiteSettings], announced: Path | None = None) -> None:
    """Serves these sites until SIGTERM or SIGINT.

    Args:
        sites: the sites' settings.
        announced: a file that tells the sites' URLs, written once all of them listen.

    Raises:
        SettingsError: two sites have one name, a port is in use, a secret cannot be read, or a certificate cannot be used.
        DictionaryError: a dictionary cannot be read.
        StoreError: a ledger cannot be written, or was changed.
    """
    names = [site.name for site in sites]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"two sites are called `{name}`.", remedy="Give each site.toml a name of its own.")
    os.umask(_OWNER_ONLY)
    logged.configure()
    for site in sites:
        check_certificate(site.tls_certificate, site.tls_key)
        _warn_of_data(site)
        _warn_of_secrets(site)
    if announced is not None:
        announced.unlink(missing_ok=True)
    with threadpool_limits(limits=1):  # one core a request: several sites share the machine
        asyncio.run(_serve(sites, announced))


def _warn_of_data(site: SiteSettings) -> None:
    """A file that cannot be read now may be there when an analysis comes: a warning and no fault."""
    if site.data is None:
        return
    try:
        site.data.open("rb").close()
    except OSError as error:
        structlog.get_logger().warning(
            "the data file cannot be read", site=site.name, file=str(site.data), reason=error.strerror
        )


def _warn_of_secrets(site: SiteSettings) -> None:
    password = None if site.source is None else site.source.password_file
    for path in (site.key_file, site.secret_file, password):
        if path is not None and others_can_read(path):
            structlog.get_logger().warning(
                "others than the owner can read a file that holds a secret", site=site.name, file=str(path)
            )


async def _serve(sites: Sequence[SiteSettings], announced: Path | None) -> None:
    limiter = CapacityLimiter(os.cpu_count() or 1)
    with ExitStack() as sockets:
        listeners = [_Listener(site, sockets.enter_context(_bind(site))) for site in sites]
        servers = [_Server(listener.settings, limiter) for listener in listeners]

        def stop() -> None:
            for server in servers:
                server.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        async with asyncio.TaskGroup() as tasks:
            for server, listener in zip(servers, listeners, strict=True):
                tasks.create_task(server.serve([listener.socket]))
            for server in servers:
                await server.listening.wait()
            _tell(listeners, announced)
    await _leave()


async def _leave() -> None:
    """Ends the process at once if a computation is still running: its thread cannot be stopped, and would be waited for."""
    running = asyncio.all_tasks() - {asyncio.current_task()}
    if running and (await asyncio.wait(running, timeout=_LAST_SECONDS))[1]:
        structlog.get_logger().warning("ended while computing")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _bind(settings: SiteSettings) -> socket.socket:
    return listen_on(
        settings.host,
        settings.port,
        where=f"site {settings.name}, host {settings.host}",
        remedy="Stop what uses it, or set another port in site.toml; 0 takes any that is free.",
    )


def _tell(listeners: Sequence[_Listener], announced: Path | None) -> None:
    for listener in listeners:
        structlog.get_logger().info("listening", site=listener.settings.name, url=listener.url)
    if announced is not None:
        announce(announced, {"sites": {one.settings.name: one.url for one in listeners}})
