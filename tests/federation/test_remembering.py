"""A site that restarts is held to what it released before; a fit waits while it cannot write that down."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.errors import StoreError
from site_node.release.history import History
from tests.federation.fake_sites import client, submitted, until
from tests.federation.one_site import CLOSE, END, ROUNDS, Site, assert_problem
from tests.federation.real_sites import coordinator_of, real_sites

pytestmark = pytest.mark.anyio
ELSEWHERE = [0.0, 0.0, 1.0]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    (tmp_path / "secret").write_text("known-to-the-site-alone", encoding="utf-8")
    made.settings = made.settings.model_copy(
        update={"history": tmp_path / "history.db", "secret_file": tmp_path / "secret"}
    )
    return made


async def test_a_round_that_was_answered_before_a_restart_is_answered_again_and_at_no_other_psi(site: Site) -> None:
    async with site.client() as http:
        await site.prepare(http)
        first = await http.post(ROUNDS, json=site.evaluate(1))
    async with site.client() as http:
        await site.prepare(http)
        assert_problem(await http.post(ROUNDS, json=site.evaluate(1, ELSEWHERE)), 403, "round_answered")
        assert_problem(await http.post(ROUNDS, json=site.evaluate(3)), 403, "round_skipped")
        assert (await http.post(ROUNDS, json=site.evaluate(1))).content == first.content
        assert (await http.post(ROUNDS, json=site.evaluate(2))).status_code == 200


async def test_an_analysis_that_has_ended_gets_no_further_round_and_its_last_one_again(site: Site) -> None:
    async with site.client() as http:
        await site.prepare(http)
        first = await http.post(ROUNDS, json=site.evaluate(1))
        effect = (await http.post(END, json=CLOSE)).json()
        assert effect["site_effect"] is not None
    async with site.client() as http:
        await site.prepare(http)
        problem = assert_problem(await http.post(ROUNDS, json=site.evaluate(2)), 403, "analysis_closed")
        assert problem["rule"] == "G3"
        assert (await http.post(ROUNDS, json=site.evaluate(1))).content == first.content
        assert (await http.post(END, json=CLOSE)).json() == effect


async def test_an_analysis_that_was_begun_does_not_go_on_with_other_rows_after_a_restart(site: Site) -> None:
    """Its rows were written down with its first sum: those of another file would never be."""
    async with site.client() as http:
        await site.prepare(http)
        await http.post(ROUNDS, json=site.evaluate(1))
    with site.data.open("a", encoding="utf-8") as file:
        file.write("a,0\nb,1\na,1\n")
    async with site.client() as http:
        assert_problem(await site.prepare(http), 409, "data_changed")
        assert (await site.prepare(http, analysis="two")).status_code == 200


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def full(_: History) -> None:
        raise StoreError

    with monkeypatch.context() as now:
        now.setattr(History, "writing", full)
        yield


async def test_nothing_leaves_while_it_cannot_be_written_down_and_the_same_request_is_answered_afterwards(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site.client() as http:
        with full_disk(monkeypatch):
            assert_problem(await site.prepare(http), 503, "store")
        assert (await site.prepare(http)).status_code == 200
        for path, asked in ((ROUNDS, site.start()), (ROUNDS, site.evaluate(1)), (END, CLOSE)):
            with full_disk(monkeypatch):
                assert_problem(await http.post(path, json=asked), 503, "store")
            assert (await http.post(path, json=asked)).status_code == 200


async def test_a_fit_under_the_default_policy_leaves_cohorts_rounds_and_an_ending_in_the_sites_history(
    tmp_path: Path,
) -> None:
    table = "y,x\n" + "".join(f"{i % 3 % 2},{(i * 17) % 40 / 8}\n" for i in range(40))
    variables = [{"name": name, "type": "number"} for name in ("y", "x")]
    sites = real_sites(tmp_path, {"variables": variables}, [table, table], policy="default")
    for name, heard in sites.items():
        heard.settings = heard.settings.model_copy(update={"history": tmp_path / f"{name}.db"})
        heard.restart()
    async with client(coordinator_of(tmp_path, sites)) as http:
        analysis = await submitted(http, formula="y ~ x", sites=["S0", "S1"])
        assert (await until(http, analysis))["state"] == "converged"
    with History(tmp_path / "S0.db", b"known-to-the-site-alone").writing() as kept:
        assert kept.is_closed(analysis)
        assert sorted(kept.answered(analysis)) == list(range(len(sites["S0"].rounds()) + 1))
        assert [len(kept.released().rows), len(kept.released().cohorts)] == [40, 1]
