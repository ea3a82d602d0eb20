"""The command of a site's data manager: fedglmm-site split, init, check, serve, page. Most have files of their own."""

from pathlib import Path
from typing import Annotated

import typer

from shared.consortium import FILE_NAME as CONSORTIUM
from shared.grouping import grouped
from site_node.approvals_cli import approvals
from site_node.check_cli import check
from site_node.data.split import split as split_file
from site_node.folder import NewSite, write_site
from site_node.founding import FEWEST, write_consortium, write_coordinator
from site_node.init_cli import init
from site_node.ledger_cli import ledger
from site_node.page_cli import page
from site_node.release.policy import PolicyName
from site_node.settings import load_settings
from site_node.terminal import Types, note, say, told

app = typer.Typer(
    name="fedglmm-site", help="What runs beside the rows.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(ledger)
app.add_typer(approvals)


@app.command()
@grouped
def split(
    data: Annotated[Path, typer.Argument(help="a CSV or Parquet file")],
    *,
    by: Annotated[str, typer.Option(help="the column whose values become sites")],
    out: Annotated[Path, typer.Option(help="a folder that is empty or not there yet")],
    nodes: Annotated[int | None, typer.Option(min=1, help="deal the values out over so many sites")] = None,
    types: Types,
    policy: Annotated[PolicyName, typer.Option(help="of every site")] = "default",
    first_port: Annotated[
        int,
        typer.Option(min=0, max=65000, help="of the first site, the others follow, and a coordinator.toml has them"),
    ] = 0,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="without a consortium file: sites answer openly")
    ] = False,
) -> None:
    """Make a federation of one file: a dictionary, a folder a site, and a consortium file with everybody's public keys."""
    with told():
        federation = split_file(
            data,
            by,
            out,
            nodes=nodes,
            groups=types.groups or (),
            levels=types.levels_by_column(),
            numbers=types.numbers or (),
        )
        ports = {share.name: first_port + k if first_port else 0 for k, share in enumerate(federation.shares)}
        for share in federation.shares:
            write_site(
                out / share.folder,
                NewSite(
                    name=share.name,
                    data=federation.data_name,
                    dictionary="../dictionary.json",
                    port=ports[share.name],
                    policy=policy,
                    consortium=None if unmasked or len(federation.shares) < FEWEST else f"../{CONSORTIUM}",
                ),
            )
        if not unmasked and len(federation.shares) >= FEWEST:
            write_consortium(out, data.name, federation)
        if first_port:
            write_coordinator(out, ports, policy)
    for text in federation.notes:
        note(text)
    say(f"{len(federation.shares)} sites in {out}. Next:")
    if not first_port:
        say(
            "- set a port in each site.toml if a coordinator must know it: 0 takes any that is free, a new one each time;"
        )
    say(f"- fedglmm-site serve {out}/*/")
    if first_port:
        say(f"- fedglmm-coordinator serve {out}    # in another terminal; then look at http://127.0.0.1:8000")


app.command()(init)
app.command()(check)
app.command()(page)


@app.command()
def serve(
    folders: Annotated[list[Path], typer.Argument(help="folders with a site.toml each")],
    announce: Annotated[Path | None, typer.Option(help="a file to be told the sites' URLs")] = None,
) -> None:
    """Serve one site, or several on their own ports, until interrupted."""
    from site_node.hosting import run  # noqa: PLC0415 -- the web server and the mathematics: the other commands start sooner

    with told():
        run([load_settings(folder) for folder in folders], announce)
