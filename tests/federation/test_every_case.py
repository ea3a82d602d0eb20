"""Every public data set of the references, from its file up, through the real coordinator and real sites in one process."""

from pathlib import Path

import httpx
import pytest

from site_node.app import create_app
from site_node.data.split import split
from site_node.folder import NewSite, write_site
from site_node.settings import load_settings
from tests.federation.real_sites import coordinator_of, ended
from tests.reference.cases import names
from tests.reference.recipes import RECIPES, Rehearsal, hold_against_reference, rehearsal

pytestmark = pytest.mark.anyio


def sites_of(asked: Rehearsal, folder: Path) -> dict[str, httpx.ASGITransport]:
    """The sites that `fedglmm-site split` makes of the file, by name."""
    federation = split(asked.data, asked.by, folder, nodes=asked.nodes, levels=asked.levels)
    sites = {}
    for share in federation.shares:
        home = folder / share.folder
        write_site(
            home, NewSite(name=share.name, data=federation.data_name, dictionary="../dictionary.json", policy="open")
        )
        sites[share.name] = httpx.ASGITransport(create_app(load_settings(home)))
    return sites


def test_every_reference_case_has_a_recipe() -> None:
    assert set(RECIPES) == set(names())


@pytest.mark.parametrize("name", RECIPES)
async def test_a_fit_from_the_file_up_is_the_reference(name: str, tmp_path: Path) -> None:
    asked, folder = rehearsal(name, tmp_path), tmp_path / "sites"
    app = coordinator_of(folder, sites_of(asked, folder))
    view = await ended(app, formula=asked.formula, family=asked.family, link=asked.link)
    assert view["ended_with"] is not None, view["problem"]
    hold_against_reference(name, view["ended_with"])
