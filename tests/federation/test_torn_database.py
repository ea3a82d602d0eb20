"""A database that lost its last writes, cut at any page, takes the analysis up where it stands: the same bits."""

from pathlib import Path

import httpx
import pytest

from coordinator.sql_store import SqlStore
from tests.federation.fake_sites import FakeSite, bits, build, client, honest_sites, submitted, until

pytestmark = pytest.mark.anyio

PAGE = 4096
DATABASE = "coordinator.db"


async def killed_in_the_last_round(folder: Path, sites: dict[str, FakeSite], rounds: int) -> tuple[str, bytes, bytes]:
    """An analysis's id, and its database and write-ahead log as a killed coordinator leaves them."""
    sites["Bern"].override = lambda _, body: httpx.Response(503) if body.get("round") == rounds else None
    async with client(build(folder, sites, SqlStore(f"sqlite:///{folder / DATABASE}"), patience=60)) as http:
        analysis_id = await submitted(http)
        await until(http, analysis_id, "paused")
        return analysis_id, (folder / DATABASE).read_bytes(), (folder / f"{DATABASE}-wal").read_bytes()


async def test_a_log_that_is_cut_at_any_page_is_a_prefix_that_ends_with_the_same_bits(
    tmp_path: Path, sites: dict[str, FakeSite]
) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'undisturbed.db'}")
    async with client(build(tmp_path, sites, store)) as http:
        undisturbed = await bits(http, store, await submitted(http))
    analysis_id, database, log = await killed_in_the_last_round(tmp_path, sites, len(undisturbed[0]))
    found: list[int] = []
    for cut in range(0, len(log) + PAGE, PAGE):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / DATABASE).write_bytes(database)
        (folder / f"{DATABASE}-wal").write_bytes(log[:cut])
        store = SqlStore(f"sqlite:///{folder / DATABASE}")
        if analysis_id not in store.unfinished():  # it was submitted after the cut
            assert found == []
            store.close()
            continue
        found.append(len(store.rounds(analysis_id)))
        async with client(build(folder, honest_sites(), store)) as http:
            assert await bits(http, store, analysis_id) == undisturbed
    assert found == sorted(found)
    assert set(found) == set(range(len(undisturbed[0])))
