"""A site's folder put back to an older copy, or its file changed, between two questions: what leaves then."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import numpy as np

from shared.masking.encoding import Fixed, add, decode, encode, subtract
from site_node.release.policy import PolicyName
from site_node.settings import HISTORY_NAME, KEPT_NAME
from tests.attacks.attacked import Numbers, attacked
from tests.attacks.cohorts import VARIABLES, VICTIM_ROW, combined, row_in, rows
from tests.attacks.lifted import lifted
from tests.attacks.malicious import VICTIM, Malicious, answer_in, federation, own_answer
from tests.attacks.registry import NOT_STOPPED, REFUSAL, Found, Got, attack, noise, recovered, stopped


def _state(coordinator: Malicious) -> list[Path]:
    """The files in which the victim knows what it did."""
    settings = coordinator.sites[VICTIM].settings
    assert settings.identity_file is not None
    assert settings.history is not None
    return [settings.identity_file.with_name(KEPT_NAME), settings.ledger, settings.history]


Backup: TypeAlias = dict[Path, sqlite3.Connection | bytes]


def copied(*paths: Path) -> Backup:
    """What a backup holds: of a database what is in it, whatever of that is still in its log."""
    return {path: _in_memory(path) if path.suffix == ".db" else path.read_bytes() for path in paths}


def _in_memory(path: Path) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(path)) as database:
        database.backup(copy)
    return copy


def restore(coordinator: Malicious, backup: Backup) -> None:
    """The victim stops, its folder is as it was, and it starts again."""
    for path, content in backup.items():
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            with closing(sqlite3.connect(path)) as database, closing(content):
                content.backup(database)
    coordinator.sites[VICTIM].restart()


def without_a_row(coordinator: Malicious) -> None:
    """A patient withdraws: the victim's last row is gone."""
    data = coordinator.sites[VICTIM].data
    lines = data.read_text(encoding="utf-8").splitlines()
    data.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")


def _row(difference: Numbers) -> float:
    """x of the row, from its share of the gradient."""
    return float(difference[4] / difference[3])


def _truth(coordinator: Malicious) -> float:
    """x of the last row."""
    return float(coordinator.sites[VICTIM].data.read_text(encoding="utf-8").splitlines()[-1].split(",")[3])


@attack("a restart, with one row gone from the file, and the same question again", by="coordinator")
async def restarted(folder: Path) -> Found:
    async def asked_twice(name: str) -> tuple[Malicious, Fixed, float]:
        coordinator = await federation(folder / name, remembering=True).begin()
        first, x = answer_in(await coordinator.ask(VICTIM)), _truth(coordinator)
        without_a_row(coordinator)
        coordinator.sites[VICTIM].restart()
        return coordinator, first, x

    off, first, x = await asked_twice("off")
    with lifted("same data", "one answer a round", "small differences"):
        await off.prepare(VICTIM)
        second = answer_in(await off.ask(VICTIM))
    on, _, _ = await asked_twice("on")
    refusal = await on.prepare(VICTIM)
    return Found(recovered("that patient's x", _row(decode(subtract(first, second))), x), REFUSAL, stopped(refusal))


@attack(
    "the site's folder from a backup, with one row gone from the file, and the same question", by="who restores folders"
)
async def restored_without_a_row(folder: Path) -> Found:
    """What was answered and released is forgotten: only what the site signed when it joined tells the data apart."""

    async def asked_twice(name: str) -> tuple[Malicious, Fixed, float]:
        coordinator = federation(folder / name, remembering=True)
        for site in coordinator.roster:
            await coordinator.prepare(site)
        kept, *others = _state(coordinator)
        backup = copied(*others)
        await coordinator.begin()
        backup |= copied(kept)
        first, x = answer_in(await coordinator.ask(VICTIM)), _truth(coordinator)
        without_a_row(coordinator)
        restore(coordinator, backup)
        return coordinator, first, x

    off, first, x = await asked_twice("off")
    with lifted("same data"):
        await off.prepare(VICTIM)
        second = answer_in(await off.ask(VICTIM))
    on, _, _ = await asked_twice("on")
    refusal = await on.prepare(VICTIM)
    return Found(recovered("that patient's x", _row(decode(subtract(first, second))), x), REFUSAL, stopped(refusal))


async def _other_psi_after_a_backup(coordinator: Malicious) -> tuple[Fixed, Numbers]:
    """Another sum, of which a colluding site is part, leads to another psi. The difference of the answers; what it hides."""
    await coordinator.begin()
    backup = copied(*_state(coordinator))
    first, one = answer_in(await coordinator.ask(VICTIM)), coordinator.states[-1].psi
    answers = dict(coordinator.answers[0])
    count = len(answers["S2"])
    moved = encode(decode_at(count, 4, 5.0), 1)
    answers["S2"] = add(answers["S2"], moved)
    for history in (coordinator.answers, coordinator.trees, coordinator.states):
        history.clear()
    coordinator.add_up(answers)
    assert stopped(await coordinator.ask(VICTIM)) == "masking `other_sum`"
    restore(coordinator, backup)
    await coordinator.prepare(VICTIM)
    second, other = answer_in(await coordinator.ask(VICTIM)), coordinator.states[-1].psi
    sites, settled = coordinator.sites[VICTIM], coordinator.specification
    return subtract(second, first), own_answer(sites, settled, other) - own_answer(sites, settled, one)


def decode_at(length: int, entry: int, value: float) -> Numbers:
    """Zeros but for one entry."""
    return np.where(np.arange(length) == entry, value, 0.0)


@attack(
    "the site's folder from a backup, then another sum and so another psi",
    by="coordinator, a site, who restores folders",
)
async def restored_for_another_psi(folder: Path) -> Found:
    with lifted("masks of one context"):
        found, truth = await _other_psi_after_a_backup(federation(folder / "off", remembering=True))
    left, _ = await _other_psi_after_a_backup(federation(folder / "on", remembering=True))
    off = recovered("one site's sums at one psi minus at the other", decode(found), truth)
    return Found(off, noise(left), "another sum, another mask")


@attack("the site's history from a backup, then a cohort that differs by one row", by="analyst, who restores folders")
async def restored_history(folder: Path) -> Found:
    """A site cannot know that its record is not the newest one."""

    async def difference(policy: PolicyName) -> Got:
        place = folder / policy
        place.mkdir()
        (place / "secret").write_text("known-to-the-site-alone", encoding="utf-8")
        told = []
        for formula in ("y ~ x", "y ~ x + lab"):
            (place / HISTORY_NAME).unlink(missing_ok=True)
            async with attacked(
                place, VARIABLES, rows(), policy, history=place / HISTORY_NAME, secret_file=place / "secret"
            ) as site:
                told.append(await site.sums(formula))
        everybody, all_but_one = told
        truth = rows()[VICTIM_ROW]
        found = row_in(*combined((1, everybody), (-1, all_but_one)))
        return recovered("a patient's outcome and x", found, (truth["y"], truth["x"]))

    return Found(await difference("open"), await difference("default"), NOT_STOPPED)
