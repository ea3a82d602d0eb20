"""One process that serves one site, or many on their own ports, in one event loop."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Generator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from anyio import CapacityLimiter
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships none

from shared.errors import SettingsError
from shared.keys import is_mounted_secret
from site_node.app import create_app
from site_node.settings import SiteSettings

_GRACE_SECONDS = 2
_LAST_SECONDS = 0.2
"""For what remains to be done after the grace period."""
_OWNER_ONLY = 0o077
"""What group and others must not have."""
_BACKLOG = 128


@dataclass(frozen=True)
class _Listener:
    settings: SiteSettings
    socket: socket.socket

    @property
    def url(self) -> str:
        host, port = self.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """A server that says when it listens, and leaves the signals to the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def run(sites: Sequence[SiteSettings], announce: Path | None = None) -> None:
    """Serves these sites until SIGTERM or SIGINT.

    Args:
        sites: the sites' settings.
        announce: a file that tells the sites' URLs, written once all of them listen.

    Raises:
        SettingsError: two sites have one name, a port is in use, or a secret cannot be read.
        DictionaryError: a dictionary cannot be read.
    """
    names = [site.name for site in sites]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"two sites are called `{name}`.", remedy="Give each site.toml a name of its own.")
    os.umask(_OWNER_ONLY)
    configure_logs()
    for site in sites:
        _warn_of_data(site)
        _warn_of_secrets(site)
    if announce is not None:
        announce.unlink(missing_ok=True)
    with threadpool_limits(limits=1):  # one core a request: several sites share the machine
        asyncio.run(_serve(sites, announce))


def _warn_of_data(site: SiteSettings) -> None:
    """A file that cannot be read now may be there when an analysis comes: a warning and no fault."""
    try:
        site.data.open("rb").close()
    except OSError as error:
        structlog.get_logger().warning(
            "the data file cannot be read", site=site.name, file=str(site.data), reason=error.strerror
        )


def _warn_of_secrets(site: SiteSettings) -> None:
    for path in (site.key_file, site.secret_file):
        if path is None or not path.exists() or is_mounted_secret(path):
            continue
        if path.stat().st_mode & _OWNER_ONLY:
            structlog.get_logger().warning(
                "others than the owner can use a file that holds a secret", site=site.name, file=str(path)
            )


def configure_logs() -> None:
    """JSON to stderr, of plain values only."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _plain,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _serve(sites: Sequence[SiteSettings], announce: Path | None) -> None:
    limiter = CapacityLimiter(os.cpu_count() or 1)
    with ExitStack() as sockets:
        listeners = [_Listener(site, sockets.enter_context(_bind(site))) for site in sites]
        servers = [_server(listener.settings, limiter) for listener in listeners]

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
            _announce(listeners, announce)
    await _leave()


async def _leave() -> None:
    """Ends the process at once if a computation is still running: its thread cannot be stopped, and would be waited for."""
    running = asyncio.all_tasks() - {asyncio.current_task()}
    if running and (await asyncio.wait(running, timeout=_LAST_SECONDS))[1]:
        structlog.get_logger().warning("ended while computing")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _server(settings: SiteSettings, limiter: CapacityLimiter) -> _Server:
    config = uvicorn.Config(
        create_app(settings, limiter=limiter),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return _Server(config)


def _bind(settings: SiteSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it every answer waits 40 ms for an acknowledgement
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"port {settings.port} is in use or not to be had ({error.strerror}).",
            where=f"site {settings.name}, host {settings.host}",
            remedy="Stop what uses it, or set another port in site.toml; 0 takes any that is free.",
        ) from None
    return listener


def _announce(listeners: Sequence[_Listener], path: Path | None) -> None:
    log = structlog.get_logger()
    for listener in listeners:
        log.info("listening", site=listener.settings.name, url=listener.url)
    if path is not None:
        urls = {listener.settings.name: listener.url for listener in listeners}
        draft = path.with_name(path.name + ".draft")
        draft.write_text(json.dumps({"sites": urls}, indent=2) + "\n", encoding="utf-8")
        draft.replace(path)


def _plain(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drops whatever is not a plain value: no array and no list of numbers gets into a log."""
    return {name: value for name, value in event.items() if isinstance(value, str | int | float | None)}
