"""Claims about what stands in a site's ledger after it was asked, and what leaves when nothing can stand there."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from coordinator.app import create_app as create_coordinator
from coordinator.settings import Settings
from coordinator.store import MemoryStore
from shared import packed
from shared.errors import StoreError
from shared.optimisation.start import grid, totals_size
from shared.printable import LONGEST_TEXT
from shared.specification import Specification
from site_node.app import create_app
from site_node.release.account import MOST_NAMED
from site_node.release.entry import Entry
from site_node.release.ledger import read_ledger
from site_node.settings import SiteSettings
from tests.federation.fake_sites import bits, client, until
from tests.federation.one_site import CLOSE, CSV, END, ROUNDS, Site, assert_problem
from tests.federation.real_sites import coordinator_of, ended, real_sites

pytestmark = pytest.mark.anyio

DICTIONARY = {
    "variables": [
        {"name": "arm", "type": "factor", "levels": ["control", "Mrs-Smith"]},
        {"name": "x", "type": "number"},
        {"name": "dead", "type": "integer"},
        {"name": "ward", "type": "group"},
    ]
}
ARMS = ("control", "Mrs-Smith")
REQUEST: dict[str, Any] = {"formula": "dead ~ arm + x + (1 | site)", "family": "binomial", "title": "Deaths by arm"}


def table(rows: int, missing: int, level: int) -> str:
    """Rows with numbers that are found again wherever they went."""
    lines = [
        f"{ARMS[k % 2]},{(k * 7 % 31) / 16 + 0.73125},{int(k * k % 7 < level)},ward-of-Smith-{k % 9}"
        for k in range(rows)
    ]
    return "\n".join(["arm,x,dead,ward", *lines, *["control,NA,0,ward-of-Smith-0"] * missing]) + "\n"


TABLES = (table(173, 19, 2), table(211, 23, 3))


@dataclass
class Overheard(httpx.AsyncBaseTransport):
    """A site, and the bytes of all its answers but those to `about`."""

    settings: SiteSettings
    bodies: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.site = httpx.ASGITransport(create_app(self.settings))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.site.handle_async_request(request)
        body = await response.aread()
        if request.content:
            self.bodies.append(body)
        return response


def overheard(folder: Path) -> dict[str, Overheard]:
    return {name: Overheard(one.settings) for name, one in real_sites(folder, DICTIONARY, TABLES, "default").items()}


def entries(settings: SiteSettings) -> list[Entry]:
    chain = read_ledger(settings.ledger)
    assert chain.fault is None
    assert not chain.cut
    return [one.entry for one in chain.entries]


@contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """A folder stands in the ledger's place, which also root cannot write to."""
    away = path.with_name("away")
    path.rename(away)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        away.rename(path)


async def test_also_under_masks_the_start_is_entered_as_such(tmp_path: Path) -> None:
    sites = real_sites(tmp_path, DICTIONARY, TABLES, "default", masked=True)
    view = await ended(coordinator_of(tmp_path, sites), **REQUEST)
    rounds = view["ended_with"]["convergence"]["rounds"] - 1
    for site in sites.values():
        found = entries(site.settings)
        assert [entry.event for entry in found] == ["prepared", "start", *["round"] * rounds, "closed"]
        assert [entry.round for entry in found] == [None, *range(rounds + 1), None]
        names = [entry.left.message for entry in found if entry.left is not None]
        assert names == ["Accepted", *["MaskedReply"] * (rounds + 1), "CloseReply"]


async def test_a_fit_leaves_an_entry_for_each_reply_with_the_hash_of_its_very_bytes(tmp_path: Path) -> None:
    sites = overheard(tmp_path)
    view = await ended(coordinator_of(tmp_path, sites), **REQUEST)
    rounds = view["ended_with"]["convergence"]["rounds"] - 1  # the start is counted there
    specification = Specification.model_validate(view["ended_with"]["specification"])
    parameters = specification.layout.size
    contribution = 1 + parameters + parameters * (parameters + 1) // 2
    at_default = 1
    start = len(grid(specification.layout)) * contribution + totals_size(specification.layout) + at_default
    for site in sites.values():
        found = entries(site.settings)
        assert [entry.event for entry in found] == ["prepared", "start", *["round"] * rounds, "closed"]
        assert [entry.round for entry in found] == [None, *range(rounds + 1), None]
        left = [entry.left for entry in found if entry.left is not None]
        assert [(one.bytes, one.sha256) for one in left] == [
            (len(body), hashlib.sha256(body).hexdigest()) for body in site.bodies
        ]
        names = ["Accepted", "StartReply", *["EvaluateReply"] * rounds, "CloseReply"]
        assert [one.message for one in left] == names
        assert [one.numbers for one in left] == [3, start, *[contribution] * rounds, 2]
        assert found[-1].outcome == "converged"
        assert not any(entry.again or entry.code or entry.rule for entry in found)
        for entry in found:
            assert (entry.analysis, entry.title) == (view["id"], REQUEST["title"])
            assert (entry.formula, entry.roster) == (REQUEST["formula"], ("S0", "S1"))
            assert entry.specification == specification.sha256


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, int | float):
        yield value


async def test_no_value_no_level_no_count_and_no_number_of_a_reply_stands_in_the_ledger(tmp_path: Path) -> None:
    sites = overheard(tmp_path)
    await ended(coordinator_of(tmp_path, sites), **REQUEST)
    await ended(coordinator_of(tmp_path, sites), **REQUEST | {"formula": "dead ~ x + (1 | ward)"})
    for site, rows, dropped in zip(sites.values(), (173, 211), (19, 23), strict=True):
        entries = [json.loads(line) for line in site.settings.ledger.read_bytes().splitlines()]
        told = [number for entry in entries for number in numbers(entry)]
        # the clock is not the site's data, and its fractions of a second look like numbers
        text = json.dumps([{name: value for name, value in entry.items() if name != "time"} for entry in entries])
        accepted = json.loads(site.bodies[0])
        assert (accepted["counts"]["rows"], accepted["counts"]["rows_dropped"]) == (rows, dropped)
        assert not {rows, dropped, rows + dropped} & set(told)
        replies = [number for body in site.bodies for number in numbers(json.loads(body))]
        fractions = {number for number in replies if number != int(number)}
        assert len(fractions) > 50
        assert not fractions & set(told)
        assert not [number for number in fractions if repr(number) in text]
        assert all(isinstance(number, int) for number in told)
        assert accepted["fingerprint"] not in text
        assert "Smith" not in text
        assert not re.search(r"0\.7\d|\d\.\d{4,}", text)


@pytest.mark.parametrize("step", ["prepare", "start", "round", "close", "refusal"])
async def test_nothing_leaves_and_nothing_is_lost_while_the_ledger_cannot_be_written(site: Site, step: str) -> None:
    steps: dict[str, tuple[str, dict[str, Any]]] = {
        "prepare": ("/v1/analyses/one/prepare", {"specification": site.specification().model_dump(mode="json")}),
        "start": (ROUNDS, site.start()),
        "round": (ROUNDS, site.evaluate()),
        "close": (END, CLOSE),
    }
    order = list(steps)
    steps["refusal"] = (ROUNDS, site.evaluate(51))
    before = order[: order.index(step)] if step in order else order[:2]
    async with site.client() as http:
        for one in before:
            assert (await http.post(steps[one][0], json=steps[one][1])).status_code == 200
        with unwritable(site.settings.ledger):
            told = await http.post(steps[step][0], json=steps[step][1])
            problem = assert_problem(told, 503, "ledger")
            assert problem["message"].startswith("the ledger cannot be written (Is a directory)")
            assert problem["where"] == "ledger.jsonl"
            assert str(site.settings.ledger.parent) not in told.text
        assert len(entries(site.settings)) == len(before)
        answer = await http.post(steps[step][0], json=steps[step][1])
        assert answer.status_code == (403 if step == "refusal" else 200)
        if step == "close":
            assert answer.json()["site_effect"] is not None
    (*_, last) = entries(site.settings)
    assert last.left is not None
    assert last.left.sha256 == hashlib.sha256(answer.content).hexdigest()
    assert not last.again, "nothing had left before"


async def test_a_fit_waits_for_a_site_whose_ledger_cannot_be_written_and_ends_with_the_same_bits(
    tmp_path: Path,
) -> None:
    sites = overheard(tmp_path)
    named = [{"name": name, "url": "http://127.0.0.1"} for name in sites]
    told = {"dictionary": "dictionary.json", "sites": named, "site_deadline_seconds": 30}
    settings, store = Settings.model_validate(told, context=tmp_path), MemoryStore()
    async with client(create_coordinator(settings, store=store, transports=dict(sites))) as http:
        first = (await http.post("/v1/analyses", json=REQUEST)).json()["id"]
        undisturbed = await bits(http, store, first)
        with unwritable(sites["S1"].settings.ledger):
            second = (await http.post("/v1/analyses", json=REQUEST)).json()["id"]
            paused = await until(http, second, "paused")
            assert paused["waiting_for"] == ["S1"]
        assert await bits(http, store, second) == undisturbed


async def test_a_ledger_that_was_changed_ends_all_answers_and_the_start_of_the_site(site: Site) -> None:
    async with site.client() as http:
        await site.prepare(http)
        assert (await http.post(ROUNDS, json=site.start())).status_code == 200
        site.settings.ledger.write_bytes(site.settings.ledger.read_bytes().replace(b'"prepared"', b'"preparee"'))
        told = assert_problem(await http.post(ROUNDS, json=site.evaluate()), 503, "ledger")
    assert told["message"].startswith("line 1: it is not what was written.")
    assert "fedglmm-site ledger verify FOLDER" in told["remedy"]
    with pytest.raises(StoreError, match="line 1"):
        create_app(site.settings)


async def test_a_reply_that_leaves_again_is_marked_also_after_the_site_was_restarted(site: Site) -> None:
    async with site.client() as http:
        for body in (site.start(), site.evaluate(1), site.evaluate(1)):
            await site.prepare(http)
            await http.post(ROUNDS, json=body)
    async with site.client() as http:
        await site.prepare(http)
        await http.post(ROUNDS, json=site.evaluate(1))
        await http.post(ROUNDS, json=site.evaluate(2))
    assert [(entry.event, entry.round, entry.again) for entry in entries(site.settings)] == [
        ("prepared", None, False),
        ("start", 0, False),
        ("prepared", None, True),
        ("round", 1, False),
        ("prepared", None, True),
        ("round", 1, True),
        (
            "prepared",
            None,
            site.settings.secret_file is not None,
        ),  # without a secret file the fingerprint is another one
        ("round", 1, True),
        ("round", 2, False),
    ]


async def test_the_hash_is_that_of_the_form_that_left(site: Site) -> None:
    async with site.client() as http:
        await site.prepare(http)
        in_bytes = await http.post(ROUNDS, json=site.evaluate(), headers={"Accept": packed.MEDIA_TYPE})
        in_json = await http.post(ROUNDS, json=site.evaluate())
    left = [entry.left for entry in entries(site.settings) if entry.event == "round"]
    assert in_bytes.headers["Content-Type"] == packed.MEDIA_TYPE
    assert [one and one.sha256 for one in left] == [
        hashlib.sha256(answer.content).hexdigest() for answer in (in_bytes, in_json)
    ]


async def test_refusals_are_entered_by_code_and_rule_and_an_unknown_analysis_is_not(site: Site) -> None:
    async with site.client() as http:
        await http.post(END, json=CLOSE)
        await site.prepare(http, site.specification(roster=("B",)), analysis="away")
        site.data.write_text(CSV + "c,0\n", encoding="utf-8")
        wrong = await site.prepare(http, analysis="wrong")
        site.data.write_text(CSV.replace("b,1\n", "", 9), encoding="utf-8")
        refused = await site.prepare(http, analysis="rare")
        site.data.write_text(CSV, encoding="utf-8")
        await site.prepare(http)
        await http.post(ROUNDS, json=site.evaluate(51))
    found = [(entry.analysis, entry.event, entry.code, entry.rule, entry.round) for entry in entries(site.settings)]
    assert found == [
        ("away", "refused", "not_in_roster", "roster", None),
        ("wrong", "refused", "bad_value", "", None),
        ("rare", "refused", "rare_cell", "G5", None),
        ("one", "prepared", "", "", None),
        ("one", "refused", "round_limit", "G3", 51),
    ]
    left = [entry.left for entry in entries(site.settings)[1:3]]
    assert [one and (one.message, one.sha256) for one in left] == [
        ("Problem", hashlib.sha256(answer.content).hexdigest()) for answer in (wrong, refused)
    ]
    text = site.settings.ledger.read_text(encoding="ascii")
    assert "row 42" in wrong.text, "the row, which the coordinator is told"
    assert '"where"' not in text
    assert '"message":"the' not in text


async def test_what_a_coordinator_writes_fills_no_ledger_and_controls_no_terminal(site: Site) -> None:
    formula, roster = "death ~ treatment + (1 | site)", ("A", *(f"B{k}" for k in range(5000)))
    many = site.specification(roster=roster, title="\x1b[2J" + "t" * 100_000, formula=formula + " " * 3000)
    async with site.client() as http:
        assert (await site.prepare(http, many)).status_code == 200
    (entry,) = entries(site.settings)
    assert entry.title == " [2J" + "t" * (LONGEST_TEXT - 4)
    assert entry.formula.startswith(formula)
    assert entry.roster[MOST_NAMED - 1 :] == (f"B{MOST_NAMED - 2}", f"and {5001 - MOST_NAMED} more")
    assert len(site.settings.ledger.read_bytes()) < 10_000
