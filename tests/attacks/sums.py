"""Sums that are not those of all answers: forged, told differently to different sites, or without one of them."""

from pathlib import Path

import httpx
import numpy as np

from shared.masking.encoding import Fixed, decode, encode, subtract
from shared.masking.merkle import Tree
from shared.messages import EvaluateRequest, StartMessage, StartRequest
from shared.optimisation.start import add_starts
from shared.optimisation.step import begin
from tests.attacks.forging import announced, forged_path, own_root, steer, steering
from tests.attacks.lifted import lifted
from tests.attacks.malicious import VICTIM, Malicious, answer_in, federation, lonely_x, own_answer, through, x_in
from tests.attacks.registry import REFUSAL, Found, Got, attack, noise, recovered, stopped


async def _forged(coordinator: Malicious) -> dict[str, EvaluateRequest]:
    """The questions of round 2 about a sum that leads to a steep psi, with the root of the true answers."""
    await (await coordinator.begin()).go_on()
    wanted, tree = steering(coordinator, through(lonely_x())), coordinator.trees[-1]
    steer(coordinator, wanted)
    return {
        site: coordinator.question(site, proof=announced(forged_path(tree, index, wanted), tree.root.hash))
        for index, site in enumerate(coordinator.roster)
    }


@attack("a forged sum over valid leaves, of which the agreed step makes a steep psi", by="coordinator")
async def forged_sum(folder: Path) -> Found:
    off = federation(folder / "off", "open")
    questions = await _forged(off)
    with lifted("proof"):
        answers = [answer_in(await off.say(site, "contributions", asked)) for site, asked in questions.items()]
    found = x_in(off.summed(Tree.of(answers).root.sum))
    on = federation(folder / "on")
    refusal = await on.say(VICTIM, "contributions", (await _forged(on))[VICTIM])
    return Found(recovered("one patient's x", found, lonely_x()), REFUSAL, stopped(refusal))


@attack("a forged last sum at the close", by="coordinator")
async def forged_last_sum(folder: Path) -> Found:
    """Four times the information: the estimates stay, and their standard errors are half of what they are."""

    async def closed(coordinator: Malicious) -> httpx.Response:
        await (await coordinator.begin()).fit()
        vector, P = decode(coordinator.trees[-1].root.sum), coordinator.specification.layout.size
        vector[3 + P :] *= 4.0
        path = forged_path(coordinator.trees[-1], 0, encode(vector, 1))
        return await coordinator.close(VICTIM, proof=announced(path, coordinator.trees[-1].root.hash))

    with lifted("proof"):
        off = await closed(federation(folder / "off"))
    refusal = await closed(federation(folder / "on"))
    signed = off.is_success and off.json()["signature"] is not None
    return Found(Got("the site's signature under standard errors of half the size", signed), REFUSAL, stopped(refusal))


@attack("another result than that of the sums at the close", by="coordinator")
async def another_result(folder: Path) -> Found:
    """Where nothing is signed, nobody but the coordinator knows what the sums led to."""
    off = federation(folder / "off", masked=False)
    await off.prepare(VICTIM)
    told = await off.say(VICTIM, "close", {"outcome": "converged", "psi": [1.0, 2.0], "basis": []})
    on = await (await federation(folder / "on").begin()).fit()
    refusal = await on.close(VICTIM, psi=(1.0, 2.0))
    return Found(Got("an ending of its own making", told.is_success), REFUSAL, stopped(refusal))


@attack("a sum that leaves a site out", by="coordinator")
async def left_out(folder: Path) -> Found:
    off = federation(folder / "off", "open", masked=False)
    starts = []
    for site in off.roster:
        await off.prepare(site)
        said = await off.say(site, "contributions", StartRequest(specification_sha256=off.specification.sha256))
        starts.append(StartMessage.model_validate(said.json()["start"]).contribution())
    without_last = begin(off.specification.layout, add_starts(starts[:-1]), tolerance=1e-16, max_rounds=50)
    asked = {"kind": "evaluate", "round": 1, "psi": without_last.psi.tolist(), "basis": [], "previous": None}
    told = await off.say("S2", "contributions", asked | {"specification_sha256": off.specification.sha256})

    on = await federation(folder / "on").begin()
    honest = on.states[-1]
    answers = on.answers[-1] | {"S2": np.zeros_like(on.answers[-1]["S2"])}
    on.trees[-1] = Tree.of(list(answers.values()))
    on.states[-1] = honest
    assert stopped(await on.ask(VICTIM)) == "masking `masks`"
    return Found(
        Got("a fit without the site, which does not notice", told.is_success), REFUSAL, stopped(await on.ask("S2"))
    )


@attack("a site's mask is left in the sum", by="coordinator")
async def mask_left_in(folder: Path) -> Found:
    """As if the coordinator had not heard the last site, and told the others so by roots of their own."""

    async def asked(name: str) -> httpx.Response:
        coordinator = await federation(folder / name).begin()
        wrong = subtract(coordinator.trees[-1].root.sum, coordinator.answers[-1]["S2"])
        return await coordinator.ask(VICTIM, proof=own_root(coordinator, VICTIM, wrong))

    with lifted("count of sites"):
        off = await asked("off")
    refusal, unnoticed = stopped(await asked("on")), stopped(off)
    what = Got("steps that sites take from noise", unnoticed != refusal)
    return Found(what, REFUSAL, refusal)


async def _equivocal(coordinator: Malicious, psi: tuple[float, float]) -> Fixed:
    """One site is told a sum that leads elsewhere, by a root that fits it alone; the others the true one. What they answer."""
    await (await coordinator.begin()).go_on()
    honest = {site: coordinator.question(site) for site in coordinator.roster}
    wanted = steering(coordinator, psi)
    proof = own_root(coordinator, VICTIM, wanted)
    steer(coordinator, wanted)
    questions = honest | {VICTIM: coordinator.question(VICTIM, proof=proof)}
    answers = [answer_in(await coordinator.say(site, "contributions", asked)) for site, asked in questions.items()]
    return Tree.of(answers).root.sum


@attack("different roots to different sites", by="coordinator")
async def different_roots(folder: Path) -> Found:
    """The difference to the sum of the same model, asked again honestly, is the misled site's alone."""
    off, misled = federation(folder / "off", "open"), (0.3, -0.4)
    with lifted("masks of one context"):
        there = await _equivocal(off, misled)
        again = off.again()
        await (await again.begin()).go_on()
        honest = await again.round()
    found = decode(subtract(there, honest))
    led, sites = tuple(off.states[-1].psi.tolist()), off.sites[VICTIM]
    truth = own_answer(sites, off.specification, led) - own_answer(
        sites, off.specification, tuple(again.states[-1].psi.tolist())
    )
    on = await _equivocal(federation(folder / "on"), misled)
    return Found(
        recovered("one site's sums at one psi minus at the other", found, truth), noise(on), "the root in every mask"
    )


@attack("one site's masked answers of two rounds, and of one round asked twice", by="whoever reads the wire")
async def masked_answers(folder: Path) -> Found:
    async def differences(coordinator: Malicious) -> tuple[Fixed, Fixed]:
        await coordinator.begin()
        first = answer_in(await coordinator.ask(VICTIM))
        again = answer_in(await coordinator.ask(VICTIM))
        await coordinator.go_on()
        return subtract(answer_in(await coordinator.ask(VICTIM)), first), subtract(again, first)

    off = federation(folder / "off")
    with lifted("masks of one context"):
        found, _ = await differences(off)
    one, other = (own_answer(off.sites[VICTIM], off.specification, state.psi.tolist()) for state in off.states)
    rounds, repeats = await differences(federation(folder / "on"))
    assert not repeats.any()
    off_ = recovered("one site's sums of a round minus those of another", decode(found), other - one)
    return Found(off_, noise(rounds), "a mask for each round; a repeat has the same bytes")
