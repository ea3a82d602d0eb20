"""A psi that the agreed step did not choose: at a steep beta the Hessian of all sites together is one row's."""

from pathlib import Path

import httpx

from shared.masking.encoding import decode, subtract
from tests.attacks.lifted import lifted
from tests.attacks.malicious import (
    VICTIM,
    Malicious,
    Numbers,
    answer_in,
    federation,
    lonely_x,
    own_answer,
    through,
    x_in,
)
from tests.attacks.registry import REFUSAL, Found, Got, attack, recovered, stopped

ROW = "one patient's x"


async def row_of(coordinator: Malicious) -> Got:
    """By sites that do not hold psi against the sums."""
    x = lonely_x()
    with lifted("replay"):
        return recovered(ROW, x_in(coordinator.summed(await coordinator.round(psi=through(x)))), x)


async def row_without_masks(folder: Path, *, closed: bool = False) -> Got:
    """By a site that belongs to no consortium, and whose policy is open; of an analysis that was closed, if it is to be."""
    open_ = federation(folder, "open", masked=False)
    await open_.prepare(VICTIM)
    if closed:
        assert (await open_.say(VICTIM, "close", {"outcome": "cancelled"})).is_success
        await open_.prepare(VICTIM)
    x = lonely_x()
    asked = {"kind": "evaluate", "round": 1, "psi": through(x), "basis": [], "previous": None}
    told = await open_.say(VICTIM, "contributions", asked | {"specification_sha256": open_.specification.sha256})
    hessian = told.json()["contribution"]["hessian"]
    return recovered(ROW, hessian[1] / hessian[0], x)


@attack("a psi that is not the agreed step's", by="coordinator")
async def other_psi(folder: Path) -> Found:
    off = await row_of(await federation(folder / "off", "open").begin())
    site = await federation(folder / "on").begin()
    return Found(off, REFUSAL, stopped(await site.ask(VICTIM, psi=through(lonely_x()))))


async def _difference(coordinator: Malicious, *points: tuple[float, float]) -> Numbers:
    first, second = [answer_in(await coordinator.ask(VICTIM, psi=psi)) for psi in points]
    return decode(subtract(second, first))


@attack("two psi in one round", by="coordinator")
async def two_psi(folder: Path) -> Found:
    """Under one mask: the difference is the site's own, without any other site's."""
    off = await federation(folder / "off", "open").begin()
    one, other = (0.1, 0.2), (0.3, -0.4)
    with lifted("replay", "one answer a round", "masks of one context"):
        found = await _difference(off, one, other)
    truth = own_answer(off.sites[VICTIM], off.specification, other) - own_answer(
        off.sites[VICTIM], off.specification, one
    )
    on = await federation(folder / "on").begin()
    await on.ask(VICTIM)
    refusal = await on.ask(VICTIM, psi=other)
    return Found(recovered("one site's sums at one psi minus at the other", found, truth), REFUSAL, stopped(refusal))


@attack("a psi_0 of the analyst's in the start", by="coordinator")
async def psi_in_the_start(folder: Path) -> Found:
    on = federation(folder / "on")
    for site in on.roster:
        await on.prepare(site)
    asked = on.first().model_dump(mode="json") | {"psi": through(lonely_x())}
    refusal = await on.say(VICTIM, "contributions", asked)
    return Found(await row_without_masks(folder / "off"), REFUSAL, stopped(refusal))


@attack("a first round without a start", by="coordinator")
async def no_start(folder: Path) -> Found:
    on = await federation(folder / "begun").begin()
    new = on.again()
    await new.prepare(VICTIM)
    new.trees, new.states = on.trees, on.states
    refusal = await new.ask(VICTIM, psi=through(lonely_x()), proof=None)
    return Found(await row_without_masks(folder / "off"), REFUSAL, stopped(refusal))


@attack("more rounds after the ending", by="coordinator")
async def after_the_ending(folder: Path) -> Found:
    off = await row_of(await (await federation(folder / "off", "open").begin()).fit())
    on = await (await federation(folder / "on").begin()).fit()
    return Found(off, REFUSAL, stopped(await on.ask(VICTIM)))


@attack("more rounds after the close", by="coordinator")
async def after_the_close(folder: Path) -> Found:
    off = await row_without_masks(folder / "off", closed=True)
    on = await (await federation(folder / "on").begin()).fit()
    assert (await on.close(VICTIM)).json()["signature"]
    assert (await on.prepare(VICTIM)).status_code == 200
    refusal: httpx.Response = await on.ask(VICTIM)
    return Found(off, REFUSAL, stopped(refusal))
