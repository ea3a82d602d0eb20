"""With whom a site masks: keys put in others' places, keys that hide nothing, sites and files that nobody agreed on."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from unittest import mock

import httpx

from shared.masking import session
from shared.masking.encoding import Fixed, add, decode, subtract
from shared.masking.ephemeral import EphemeralKey
from shared.masking.pairwise import Context, PairSecrets
from shared.masking.session import SKEW, Join, session_of
from shared.signing import read_identity
from site_node import settings as site_settings
from site_node.release.exchange import LASTS, Member
from tests.attacks.lifted import lifted
from tests.attacks.malicious import VICTIM, Malicious, Numbers, answer_in, federation, own_start
from tests.attacks.registry import REFUSAL, Found, Got, attack, noise, recovered, stopped

CLEAR = "one site's start, unmasked"
LOW_ORDER = ("00" * 32, "01" + "00" * 31)
SIGNED = "fedglmm join 1"


async def _joined(coordinator: Malicious) -> Malicious:
    for site in coordinator.roster:
        assert (await coordinator.prepare(site)).status_code == 200
    return coordinator


async def _start(coordinator: Malicious, joins: Sequence[Join], site: str = VICTIM) -> httpx.Response:
    return await coordinator.say(site, "contributions", coordinator.first(joins))


def _unmasked(answer: Fixed, joins: Sequence[Join], secrets: Sequence[bytes]) -> Numbers:
    """The victim's start, by what it shares with the others."""
    mask = PairSecrets(tuple(one.site for one in joins), 0, tuple(secrets)).mask(_context(joins), len(answer))
    return decode(subtract(answer, mask))


def _context(joins: Sequence[Join]) -> Context:
    """That of the start."""
    return Context(session_of(joins), "start", 0, b"", b"")


def _signed(coordinator: Malicious, site: str, key: str) -> Join:
    """A colluding site's join with another key."""
    identity_file = coordinator.sites[site].settings.identity_file
    assert identity_file is not None
    unsigned = coordinator.joins[site].model_copy(update={"public_key": key})
    signature = read_identity(identity_file).sign(SIGNED, unsigned.signed).hex()
    return unsigned.model_copy(update={"signature": signature})


@attack("keys of its own in the other sites' joins", by="coordinator")
async def substituted(folder: Path) -> Found:
    keys = EphemeralKey.make(), EphemeralKey.make()

    async def asked(name: str) -> tuple[Malicious, list[Join], httpx.Response]:
        coordinator = await _joined(federation(folder / name))
        victim, *others = (coordinator.joins[site] for site in coordinator.roster)
        theirs = [one.model_copy(update={"public_key": key.public_hex}) for one, key in zip(others, keys, strict=True)]
        return coordinator, [victim, *theirs], await _start(coordinator, [victim, *theirs])

    with lifted("signatures"):
        off, joins, told = await asked("off")
    secrets = [key.secret_with(joins[0].public_key, site=VICTIM) for key in keys]
    found = _unmasked(answer_in(told), joins, secrets)
    _, _, refusal = await asked("on")
    truth = own_start(off.sites[VICTIM], off.specification)
    return Found(recovered(CLEAR, found, truth), REFUSAL, stopped(refusal))


@attack("keys of low order, which give everybody the secret", by="all other sites, for whoever reads the wire")
async def low_order(folder: Path) -> Found:
    async def asked(name: str) -> tuple[Malicious, list[Join], httpx.Response]:
        coordinator = await _joined(federation(folder / name))
        theirs = [_signed(coordinator, site, key) for site, key in zip(("S1", "S2"), LOW_ORDER, strict=True)]
        joins = [coordinator.joins[VICTIM], *theirs]
        return coordinator, joins, await _start(coordinator, joins)

    with lifted("keys"):
        off, joins, told = await asked("off")
    found = _unmasked(answer_in(told), joins, [bytes(32)] * 2)
    _, _, refusal = await asked("on")
    truth = own_start(off.sites[VICTIM], off.specification)
    return Found(recovered(CLEAR, found, truth), REFUSAL, stopped(refusal))


@attack("a second spelling of another site's key", by="a site")
async def second_spelling(folder: Path) -> Found:
    """The top bit is not read: two names for one key."""

    async def asked(name: str) -> httpx.Response:
        coordinator = await _joined(federation(folder / name))
        key = coordinator.joins["S1"].public_key
        respelled = f"{key[:-2]}{int(key[-2:], 16) | 0x80:02x}"
        joins = [coordinator.joins[VICTIM], coordinator.joins["S1"], _signed(coordinator, "S2", respelled)]
        return await _start(coordinator, joins)

    with lifted("keys"):
        off = await asked("off")
    refusal = await asked("on")
    return Found(Got("a place in the sum by a key that it does not have", off.is_success), REFUSAL, stopped(refusal))


@attack("different keys of one site to different sites", by="coordinator, a site")
async def different_keys(folder: Path) -> Found:
    """The sum of two sites that do not know the same session, by a third that gives each a key of its own."""

    async def rest(name: str) -> tuple[Malicious, Fixed]:
        coordinator, left = await _joined(federation(folder / name)), []
        honest = [coordinator.joins[site] for site in ("S0", "S1")]
        for one in honest:
            key = EphemeralKey.make()
            joins = (*honest, _signed(coordinator, "S2", key.public_hex))
            answer, context = answer_in(await _start(coordinator, joins, one.site)), _context(joins)
            pair = PairSecrets((one.site, "S2"), 0, (key.secret_with(one.public_key, site=one.site),))
            left.append(subtract(answer, pair.mask(context, len(answer))))
        return coordinator, add(*left)

    with lifted("masks of one session"):
        off, found = await rest("off")
    _, on = await rest("on")
    truth = own_start(off.sites["S0"], off.specification) + own_start(off.sites["S1"], off.specification)
    summed = recovered("the sum of two sites in two sessions", decode(found), truth)
    return Found(summed, noise(on), "the session in every mask")


@attack("an old join, a day after it has expired", by="coordinator")
async def expired(folder: Path) -> Found:
    """Half an hour after is no matter: clocks may differ by an hour."""

    async def asked(name: str, after: timedelta) -> httpx.Response:
        coordinator = await _joined(federation(folder / name))
        later = partial(Member, clock=lambda: datetime.now(UTC) + LASTS + after)
        with mock.patch.object(site_settings, "Member", later):
            coordinator.sites[VICTIM].restart()
            await coordinator.prepare(VICTIM)
        return await _start(coordinator, [coordinator.joins[site] for site in coordinator.roster])

    assert (await asked("skewed", SKEW / 2)).is_success
    with mock.patch.object(session, "SKEW", timedelta(days=2)):
        off = await asked("off", timedelta(days=1))
    refusal = await asked("on", timedelta(days=1))
    return Found(
        Got("an answer in a session that its site takes to be over", off.is_success), REFUSAL, stopped(refusal)
    )
