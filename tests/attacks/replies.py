"""Replies and requests that come again, not the same or not where they belong."""

from base64 import b64decode, b64encode
from pathlib import Path

import httpx

from coordinator.gathering import Gathering
from coordinator.rounds import Patience, Session
from coordinator.site_client import SiteClient
from shared.errors import SiteError
from shared.optimisation.start import add_starts
from tests.attacks.malicious import VICTIM, Malicious, federation
from tests.attacks.registry import REFUSAL, Found, Got, attack, stopped


class Altered(httpx.AsyncBaseTransport):
    """What a site answers, one bit of the numbers of its start turned."""

    def __init__(self, site: httpx.AsyncBaseTransport) -> None:
        self.site = site

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.site.handle_async_request(request)
        said = httpx.Response(response.status_code, content=await response.aread()).json()
        if "numbers" in said:
            *others, last = b64decode(said["numbers"])
            said["numbers"] = b64encode(bytes([*others, last ^ 1])).decode()
        if "start" in said:
            said["start"]["totals"][0] += 1.0
        return httpx.Response(response.status_code, json=said)


async def _nobody(_missing: tuple[str, ...]) -> None:
    """Nobody needs to be told."""


async def _resumed(coordinator: Malicious) -> str:
    """An honest coordinator restarts, and a site's answer to the same question is another one: the alarm's code."""
    patience = Patience(0.0, _nobody)
    clients = {name: SiteClient(name, "http://site", transport=heard) for name, heard in coordinator.sites.items()}
    settled = coordinator.specification
    accepted = {name: await client.prepare(coordinator.analysis, settled) for name, client in clients.items()}
    session = Session(coordinator.analysis, settled, accepted)
    start = await Gathering(list(clients.values()), session, patience, add_starts).start()
    clients["S2"] = SiteClient("S2", "http://site", transport=Altered(coordinator.sites["S2"]))
    try:
        await Gathering(list(clients.values()), session, patience, add_starts).resume(start, None)
    except SiteError as error:
        return error.code
    return ""


@attack("another reply to the same question, after the coordinator restarted", by="a site, or who is on the wire")
async def other_reply(folder: Path) -> Found:
    """Without masks the coordinator does not ask again, and has nothing to hold a reply against."""
    off = await _resumed(federation(folder / "off", masked=False))
    on = await _resumed(federation(folder / "on"))
    return Found(Got("no alarm", off == ""), Got("an alarm", on == ""), f"`{on}`, at the coordinator")


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
