"""A site whose rows are in a database answers as one whose rows are in a file."""

import sqlite3
from pathlib import Path

import httpx
import numpy as np
import pytest

from site_node.app import create_app
from site_node.settings import SiteSettings
from site_node.source_settings import SourceSettings
from tests.federation.one_site import CSV, Site, assert_problem

pytestmark = pytest.mark.anyio


def in_database(site: Site, folder: Path, step: int = 1) -> Path:
    """The rows of a site in a database, in their order or (-1) from the last on, and its settings for it."""
    header, *lines = CSV.splitlines()
    file = folder / "rows.db"
    with sqlite3.connect(file) as connection:
        connection.execute(f"CREATE TABLE rows ({header})")
        rows = [
            [int(cell) if cell.isdigit() else None if cell == "NA" else cell for cell in line.split(",")]
            for line in lines[::step]
        ]
        connection.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608 -- a test's own
    connection.close()
    source = SourceSettings(url=f"sqlite:///{file}", query="SELECT * FROM rows")
    site.settings = SiteSettings.model_validate(dict(site.settings) | {"data": None, "source": source})
    return file


def client_of(site: Site) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(site.settings)), base_url="http://127.0.0.1")


async def test_its_sums_are_those_of_the_file_and_to_the_bit_the_same_in_any_order(tmp_path: Path) -> None:
    answers = {}
    for name, step in {"file": 0, "database": 1, "turned round": -1}.items():
        (tmp_path / name).mkdir()
        site = Site(tmp_path / name)
        if step:
            in_database(site, tmp_path / name, step)
        async with client_of(site) as client:
            prepared = await site.prepare(client)
            assert prepared.status_code == 200, prepared.text
            start = await client.post("/v1/analyses/one/contributions", json=site.start())
            answered = await client.post("/v1/analyses/one/contributions", json=site.evaluate())
            answers[name] = (prepared.json()["counts"], start.json(), answered.json())
    assert answers["database"] == answers["turned round"]
    assert answers["database"][0] == answers["file"][0]
    one, other = (answers[name][2]["contribution"] for name in ("file", "database"))
    for part in ("value", "gradient", "hessian"):
        np.testing.assert_allclose(other[part], one[part], rtol=1e-12, atol=1e-12)


async def test_an_analysis_goes_on_while_the_database_is_away_and_ends_when_other_rows_were_read(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path)
    file = in_database(site, tmp_path)
    async with client_of(site) as client:
        assert (await site.prepare(client)).status_code == 200
        moved = file.rename(tmp_path / "moved.db")
        started = await client.post("/v1/analyses/one/contributions", json=site.start())
        assert started.status_code == 200, started.text
        problem = assert_problem(await site.prepare(client, analysis="two"), 422, "data")
        assert problem["message"] == "there is no such database."
        assert str(file) not in str(problem), "where it is stays here"
        moved.rename(file)
        with sqlite3.connect(file) as connection:
            connection.execute("DELETE FROM rows WHERE rowid <= 4")
        connection.close()
        again = await site.prepare(client, analysis="two")
        assert again.status_code == 200, again.text
        asked = await client.post("/v1/analyses/one/contributions", json=site.evaluate())
        assert_problem(asked, 409, "data_changed")
