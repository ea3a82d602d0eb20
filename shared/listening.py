"""Listening for requests: an address of one's own, its URL, and telling it to whoever started the server."""

import ipaddress
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.errors import SettingsError

BACKLOG = 128


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def leads_here(host: str) -> bool:
    """Whether a request's `Host` names this machine: a page elsewhere can point a name of its own at it, and ask under that."""
    try:
        return is_loopback((urlsplit(f"//{host}").hostname or "").lower())
    except ValueError:  # brackets that do not match
        return False


def listen_on(host: str, port: int, *, where: str, remedy: str) -> socket.socket:
    """A socket that listens; port 0: any that is free.

    Args:
        host: name or address of this machine.
        port: its port.
        where: what a fault names beside the port.
        remedy: what a fault advises.

    Raises:
        SettingsError: another program has the port, or there is no such address.
    """
    try:
        return _listener(host, port)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsError(f"port {port} is in use or not to be had ({reason}).", where=where, remedy=remedy) from None


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """Its address in a browser's form."""
    host, port = listener.getsockname()[:2]
    return f"http{'s' * tls}://[{host}]:{port}" if ":" in host else f"http{'s' * tls}://{host}:{port}"


def announce(path: Path, value: Mapping[str, Any]) -> None:
    """Writes JSON to a file that is there only once it is whole."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def _listener(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it every answer waits 40 ms for an acknowledgement
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere the option lets two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
