"""Replies and requests that come again, not the same or not where they belong."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from coordinator.asking import Patience, RosterError, Wait
from coordinator.gathering import Gathering
from coordinator.rounds import Session
from coordinator.site_answers import Answering
from coordinator.site_client import SiteClient
from coordinator.site_connection import SiteConnection
from shared.errors import SiteError
from shared.optimisation.start import add_starts
from shared.signed import SIGNATURE, Correspondence
from shared.signing import read_identity
from tests.attacks.malicious import VICTIM, Malicious, correspondence, federation
from tests.attacks.registry import REFUSAL, Found, Got, attack, stopped
from tests.federation.real_sites import Heard


@dataclass
class Altered(httpx.AsyncBaseTransport):
    """What a site answers to the start, one bit of its numbers turned; signed anew if it is the site itself that does it."""

    heard: Heard
    itself: bool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.heard.handle_async_request(request)
        content = await response.aread()
        said = json.loads(content)
        if "numbers" in said:
            *others, last = b64decode(said["numbers"])
            said["numbers"] = b64encode(bytes([*others, last ^ 1])).decode()
        if "start" in said:
            said["start"]["totals"][0] += 1.0
        content, headers = json.dumps(said).encode(), dict(response.headers)
        if self.itself and self.heard.settings.identity_file is not None:
            theirs = Correspondence(read_identity(self.heard.settings.identity_file), "")
            headers[SIGNATURE] = theirs.sign_answer(request.headers[SIGNATURE], response.status_code, content)
        headers.pop("content-length", None)
        return httpx.Response(response.status_code, content=content, headers=headers)


async def _nobody(_waits: Mapping[str, Wait]) -> None:
    """Nobody needs to be told."""


async def _resumed(coordinator: Malicious, *, itself: bool) -> str:
    """An honest coordinator restarts, and a site's answer to the same question is another one: the alarm's code."""
    patience = Patience(0.0, _nobody)
    clients = {
        name: SiteClient(
            SiteConnection(Answering(name, "http://127.0.0.1"), signed=correspondence(heard), transport=heard)
        )
        for name, heard in coordinator.sites.items()
    }
    settled = coordinator.specification
    accepted = {name: await client.prepare(coordinator.analysis, settled) for name, client in clients.items()}
    session = Session(coordinator.analysis, settled, accepted)
    start = await Gathering(list(clients.values()), session, patience, add_starts).start()
    last = coordinator.sites["S2"]
    clients["S2"] = SiteClient(
        SiteConnection(
            Answering("S2", "http://127.0.0.1"), signed=correspondence(last), transport=Altered(last, itself)
        )
    )
    try:
        await Gathering(list(clients.values()), session, patience, add_starts).resume(start, None)
    except SiteError as error:
        codes = {fault.code for fault in error.faults} if isinstance(error, RosterError) else {error.code}
        return ", ".join(sorted(codes))
    return ""


async def _alarm(folder: Path, *, itself: bool) -> Found:
    """Without masks the coordinator does not ask again, and has nothing to hold a reply against."""
    off = await _resumed(federation(folder / "off", masked=False), itself=itself)
    on = await _resumed(federation(folder / "on"), itself=itself)
    return Found(Got("no alarm", off == ""), Got("an alarm", on == ""), f"`{on}`, at the coordinator")


@attack("another reply to the same question, after the coordinator restarted", by="a site")
async def other_reply(folder: Path) -> Found:
    return await _alarm(folder, itself=True)


@attack("a reply that is changed on its way", by="who is on the wire")
async def changed_reply(folder: Path) -> Found:
    return await _alarm(folder, itself=False)


@attack("a question of somebody else's, who has the bearer key", by="who has read the wire")
async def unsigned(folder: Path) -> Found:
    async def asked(coordinator: Malicious) -> httpx.Response:
        body = {"specification": coordinator.specification.model_dump(mode="json")}
        async with httpx.AsyncClient(transport=coordinator.sites[VICTIM], base_url="http://127.0.0.1") as http:
            return await http.post("/v1/analyses/one/prepare", json=body)

    off = await asked(federation(folder / "off", masked=False))
    return Found(Got("an analysis", off.is_success), REFUSAL, stopped(await asked(federation(folder / "on"))))


@attack("an old request in an analysis that nobody submitted", by="who has read the wire")
async def replayed(folder: Path) -> Found:
    async def asked(coordinator: Malicious, body: dict[str, object]) -> httpx.Response:
        new = coordinator.again()
        await new.prepare(VICTIM)
        return await new.say(VICTIM, "contributions", body)

    off = federation(folder / "off", "open", masked=False)
    unmasked = {"kind": "start", "round": 0, "specification_sha256": off.specification.sha256}
    on = federation(folder / "on")
    for site in on.roster:
        await on.prepare(site)
    old = on.first()
    assert (await on.say(VICTIM, "contributions", old)).is_success
    again = await on.say(VICTIM, "contributions", old)
    assert again.content == (await on.say(VICTIM, "contributions", old)).content
    refusal = await asked(on, old.model_dump(mode="json"))
    return Found(Got("the site's start", (await asked(off, unmasked)).is_success), REFUSAL, stopped(refusal))
