"""Who is in the sum: sites that nobody agreed on, files that nobody compared, rosters that differ by a site."""

from pathlib import Path

import httpx
import numpy as np

from shared.consortium import FILE_NAME, Consortium, Party, read_consortium, write
from shared.masking.encoding import decode, subtract
from shared.masking.ephemeral import EphemeralKey
from shared.masking.pairwise import Context, PairSecrets
from shared.masking.session import Agreed, Join, join, session_of
from shared.messages import StartMessage, StartRequest
from shared.signing import Identity, make_identity
from site_node.release.exchange import LASTS
from tests.attacks.lifted import lifted
from tests.attacks.malicious import VICTIM, Malicious, answer_in, federation, own_start, with_outlier
from tests.attacks.registry import NOT_STOPPED, REFUSAL, Found, Got, attack, recovered, stopped
from tests.federation.made_up import made_up

SYBILS = ("X1", "X2")
NEAR = 9.0
"""An x beyond all others of its site, where the fitted curve has not flattened yet."""


def _with_sybils(folder: Path) -> tuple[Consortium, dict[str, Identity]]:
    """The agreed file, but that the coordinator's two sites stand in it."""
    agreed = read_consortium(folder / FILE_NAME)
    made = {name: make_identity(folder / f"{name}.identity") for name in SYBILS}
    theirs = {name: Party(public_key=identity.public_hex) for name, identity in made.items()}
    return agreed.model_copy(update={"sites": agreed.sites | theirs}), made


def _sybil(coordinator: Malicious, consortium: Consortium, identity: Identity, name: str, key: EphemeralKey) -> Join:
    """What one of its sites signs."""
    agreed = Agreed(consortium, coordinator.analysis, coordinator.specification.sha256, coordinator.roster)
    like = coordinator.joins[VICTIM]
    now = like.expires_at - LASTS
    return join(agreed, identity, key, site=name, fingerprint="f" * 64, expires=like.expires_at, now=now)


async def _alone(coordinator: Malicious) -> httpx.Response:
    """The victim among the coordinator's sites."""
    coordinator.specification = coordinator.specification.model_copy(update={"roster": (VICTIM, *SYBILS)})
    return await coordinator.prepare(VICTIM)


@attack("a roster of one site and two of the coordinator's own", by="coordinator")
async def sybils(folder: Path) -> Found:
    """Off: the site took the coordinator's consortium file, and nobody compared its hash by telephone."""
    off = federation(folder / "off")
    forged, identities = _with_sybils(folder / "off")
    write(forged, folder / "off" / FILE_NAME)
    off.sites[VICTIM].restart()
    assert (await _alone(off)).is_success
    keys = {name: EphemeralKey.make() for name in SYBILS}
    theirs = [_sybil(off, forged, identities[name], name, keys[name]) for name in SYBILS]
    joins = [off.joins[VICTIM], *theirs]
    answer = answer_in(await off.say(VICTIM, "contributions", off.first(joins)))
    secrets = tuple(key.secret_with(joins[0].public_key, site=VICTIM) for key in keys.values())
    mask = PairSecrets(off.roster, 0, secrets).mask(Context(session_of(joins), "start", 0, b"", b""), len(answer))
    found = recovered(
        "one site's start, unmasked", decode(subtract(answer, mask)), own_start(off.sites[VICTIM], off.specification)
    )
    return Found(found, REFUSAL, stopped(await _alone(federation(folder / "on"))))


@attack("another consortium file at one of the sites", by="whoever hands out the file")
async def another_file(folder: Path) -> Found:
    async def asked(name: str) -> httpx.Response:
        coordinator = federation(folder / name)
        forged, _ = _with_sybils(folder / name)
        write(forged, folder / name / "other.toml")
        deceived = coordinator.sites["S1"]
        deceived.settings = deceived.settings.model_copy(update={"consortium": folder / name / "other.toml"})
        deceived.restart()
        for site in coordinator.roster:
            await coordinator.prepare(site)
        return await coordinator.say(VICTIM, "contributions", coordinator.first())

    with lifted("agreement"):
        off = await asked("off")
    refusal = await asked("on")
    what = Got("a session with a site that agreed to other members", off.is_success)
    return Found(what, REFUSAL, stopped(refusal))


LAST, STARTED = "S3", "one site's own estimates and their precision"


async def _start(coordinator: Malicious) -> np.ndarray:
    return decode((await coordinator.begin()).trees[0].root.sum)


async def _difference(with_it: Malicious) -> Got:
    """The starts do not depend on the roster: their sums differ by the last site's own."""
    difference = await _start(with_it) - await _start(with_it.again(roster=with_it.roster[:-1]))
    return recovered(STARTED, difference, own_start(with_it.sites[LAST], with_it.specification))


@attack("two rosters that differ by one site, of which all others pass by their own rows", by="analyst, or coordinator")
async def rosters(folder: Path) -> Found:
    """Everything masked, default policy."""
    on = await _difference(federation(folder / "on", tables=made_up(sites=4).tables()))
    return Found(await _told_outright(folder / "off", STARTED), on, NOT_STOPPED)


@attack("the same, where one of the others passes only among all sites", by="analyst, or coordinator")
async def rosters_of_the_hidden(folder: Path) -> Found:
    tables = with_outlier(made_up(sites=4).tables(), NEAR)
    with lifted("one roster"):
        off = await _difference(federation(folder / "off", tables=tables))
    on = federation(folder / "on", tables=tables)
    await on.begin()
    without_it = on.again(roster=on.roster[:-1])
    for site in without_it.roster:
        await without_it.prepare(site)
    return Found(off, REFUSAL, stopped(await without_it.say(VICTIM, "contributions", without_it.first())))


async def _told_outright(folder: Path, what: str) -> Got:
    """Without masks nobody needs two rosters."""
    off = federation(folder, masked=False)
    await off.prepare(VICTIM)
    said = await off.say(VICTIM, "contributions", StartRequest(specification_sha256=off.specification.sha256))
    told = StartMessage.model_validate(said.json()["start"]).contribution().quadratics[0]
    truth = own_start(off.sites[VICTIM], off.specification)
    return recovered(what, [told.value, *told.gradient], truth[4:7])
