"""The command that opens the site's page for people at the site: fedglmm-site page."""

from pathlib import Path
from typing import Annotated

import typer

from site_node.settings import load_settings
from site_node.terminal import say, told


def page(
    folder: Annotated[Path, typer.Argument(help="the site's folder")],
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="where the page listens; 0: any that is free")] = 0,
) -> None:
    """Open the site's page, for this machine only, until interrupted: approvals, the ledger, the data, the policy.

    It prints a link that lets in once, and another one whenever one was used. It works beside `serve`, on the same files.
    """
    from site_node.page.serving import run  # noqa: PLC0415 -- the web server: the other commands start sooner

    with told():
        run(load_settings(folder), port, say)
