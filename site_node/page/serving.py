"""The process of the page: on loopback, beside the one that serves the site, and on the same files."""

import os
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from shared.connections import ACCEPTED_AT_ONCE
from shared.errors import SettingsError
from shared.listening import listen_on
from site_node import log
from site_node.page.app import HOST, create_page
from site_node.settings import SiteSettings

_GRACE_SECONDS = 2
_OWNER_ONLY = 0o077
"""What group and others must not have of files that are made."""


def run(settings: SiteSettings, port: int, say: Callable[[str], None]) -> None:
    """Serves the page until SIGTERM or SIGINT.

    Args:
        settings: the site's.
        port: where; 0: any that is free.
        say: prints a line for whoever started it.

    Raises:
        SettingsError: the port is in use.
    """
    os.umask(_OWNER_ONLY)
    log.configure()
    try:
        listening = listen_on(HOST, port)
    except OSError as error:
        raise SettingsError(
            f"port {port} is in use or not to be had ({error.strerror}).",
            where=f"{HOST}, --port",
            remedy="Stop what uses it, or give another port; 0 takes any that is free.",
        ) from None
    with listening, suppress(KeyboardInterrupt):  # this is how a person ends it, and the server has ended by then
        app = create_page(
            settings, listening.getsockname()[1], lambda link: say(f"The site's page, for one sign-in: {link}")
        )
        config = uvicorn.Config(
            app,
            backlog=ACCEPTED_AT_ONCE,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        uvicorn.Server(config).run(sockets=[listening])
