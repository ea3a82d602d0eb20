"""The wire file has every request to a site and every answer, as they crossed and as the sites' ledgers have them."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.paragraphs import Exchange, exchanges
from tests.federation.real_sites import Heard, coordinator_of, ended, real_sites

pytestmark = pytest.mark.anyio
MODEL = {"formula": "d ~ x + (1 | site)"}


async def written(folder: Path, *, masked: bool) -> tuple[dict[str, Heard], list[Exchange]]:
    sites = real_sites(folder, DICTIONARY, made_up(sites=3).tables(), "default", masked=masked)
    view = await ended(coordinator_of(folder, sites, wire_file="wire.txt"), **MODEL)
    assert view["state"] == "converged", view["problems"]
    return sites, exchanges(folder / "wire.txt")


@pytest.mark.parametrize("masked", [True, False])
async def test_every_exchange_is_there_once_and_as_it_crossed(tmp_path: Path, *, masked: bool) -> None:
    sites, told = await written(tmp_path, masked=masked)
    for name, heard in sites.items():
        own = [one for one in told if one.site == name]
        assert [one.path for one in own] == ["about", *(path for path, _, _ in heard.messages)]
        for one, (_, asked, said) in zip(own[1:], heard.messages, strict=True):
            assert (json.loads(one.request), json.loads(one.answer)) == (asked, said)
            assert hashlib.sha256(one.answer.encode()).hexdigest() == one.sha256


@pytest.mark.parametrize("masked", [True, False])
async def test_what_came_back_has_the_hash_that_the_sites_ledger_has(tmp_path: Path, *, masked: bool) -> None:
    sites, told = await written(tmp_path, masked=masked)
    for name in sites:
        lines = (tmp_path / f"{name}.ledger.jsonl").read_text(encoding="utf-8").splitlines()
        entered = [json.loads(line)["left"]["sha256"] for line in lines]
        assert len(entered) > 4
        assert [one.sha256 for one in told if one.site == name and one.path != "about"] == entered


async def test_a_wire_file_that_cannot_be_written_any_more_ends_the_analysis(tmp_path: Path) -> None:
    sites = real_sites(tmp_path, DICTIONARY, made_up(sites=3).tables(), masked=True)
    app = coordinator_of(tmp_path, sites, wire_file="wire.txt")
    (tmp_path / "wire.txt").unlink()
    (tmp_path / "wire.txt").mkdir()
    view = await ended(app, **MODEL)
    assert view["state"] == "failed"
    assert {(problem["code"], problem["where"]) for problem in view["problems"]} == {("store", "wire_file")}
