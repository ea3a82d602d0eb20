"""The process of the page: on loopback, beside the one that serves the site, and on the same files."""

import os
from collections.abc import Callable
from contextlib import suppress

from shared import logged
from shared.listening import listen_on
from shared.serving import Server
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
    logged.configure()
    remedy = "Stop what uses it, or give another port; 0 takes any that is free."
    listening = listen_on(HOST, port, where=f"{HOST}, --port", remedy=remedy)
    with listening, suppress(KeyboardInterrupt):  # this is how a person ends it, and the server has ended by then
        app = create_page(
            settings, listening.getsockname()[1], lambda link: say(f"The site's page, for one sign-in: {link}")
        )
        server = Server(
            app, lifespan="off", server_header=False, proxy_headers=False, timeout_graceful_shutdown=_GRACE_SECONDS
        )
        server.run(sockets=[listening])
