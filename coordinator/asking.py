"""One question to every site of the roster at once: deadlines, people who are waited for, and culprits by name."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from coordinator.site_answers import UNREACHABLE
from coordinator.site_client import SiteClient
from shared.errors import ApprovalError, FedglmmError, SiteError

FIRST_PAUSE = 0.1
LONGEST_PAUSE, LONGEST_FOR_A_PERSON = 2.0, 60.0
"""Seconds between two questions."""

Answer = TypeVar("Answer")


class RosterError(SiteError):
    """Some sites did not answer as they must: one fault of each."""

    def __init__(self, faults: Sequence[FedglmmError]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(fault.message for fault in faults), where=", ".join(fault.where for fault in faults))


@dataclass(frozen=True)
class Answers(Generic[Answer]):
    """What came of one question to every site."""

    replies: Mapping[str, Answer]
    """By site, in roster order."""
    faults: tuple[FedglmmError, ...]

    def complete(self) -> dict[str, Answer]:
        """Every site's answer.

        Raises:
            RosterError: some sites gave none; it names every culprit.
        """
        if self.faults:
            raise RosterError(self.faults)
        return dict(self.replies)


class Wait(Enum):
    """What a site is waited for."""

    SITE = "site"  # it cannot be reached
    PERSON = "person"  # somebody there has to approve the analysis

    @property
    def longest_pause(self) -> float:
        """Between two questions, in seconds."""
        return LONGEST_PAUSE if self is Wait.SITE else LONGEST_FOR_A_PERSON

    @classmethod
    def after(cls, fault: FedglmmError) -> "Wait | None":
        """What a fault has one wait for; None if it stays."""
        if isinstance(fault, ApprovalError):
            return cls.PERSON
        return cls.SITE if fault.code == UNREACHABLE else None


@dataclass(frozen=True)
class Patience:
    """How long sites are waited for, and who is told."""

    seconds: float
    """For one that cannot be reached."""
    tell: Callable[[Mapping[str, Wait]], Awaitable[None]]
    """Called with the sites that are waited for, in roster order, and with none once all have answered."""
    approval_seconds: float = 0.0
    """For a person there."""

    def until(self, wait: Wait) -> float:
        """When it ends that begins now."""
        return time.monotonic() + (self.seconds if wait is Wait.SITE else self.approval_seconds)


async def ask(
    roster: Sequence[SiteClient], question: Callable[[SiteClient], Awaitable[Answer]], patience: Patience
) -> Answers[Answer]:
    """Asks every site at once; those that are waited for are asked again until patience ends, or another fails."""
    waited = _Waited([site.name for site in roster], patience)
    tasks = [asyncio.create_task(_persistently(question, site, waited)) for site in roster]
    try:
        outcomes = dict(zip((site.name for site in roster), await asyncio.gather(*tasks), strict=True))
    finally:
        for task in tasks:
            task.cancel()
    return Answers(
        replies={name: outcome for name, outcome in outcomes.items() if not isinstance(outcome, FedglmmError)},
        faults=_culprits([outcome for outcome in outcomes.values() if isinstance(outcome, FedglmmError)]),
    )


def _culprits(faults: Sequence[FedglmmError]) -> tuple[FedglmmError, ...]:
    """A person who had not decided when another site failed is at no fault: nobody has to wait for them any more."""
    failed = tuple(fault for fault in faults if Wait.after(fault) is not Wait.PERSON)
    return failed or tuple(faults)


class _Waited:
    """The sites that are waited for at the moment. Every change is told, the latest last."""

    def __init__(self, roster: Sequence[str], patience: Patience) -> None:
        self.patience = patience
        self.hopeless = asyncio.Event()
        """Some site has failed for good: the others need not be waited for."""
        self._waits: dict[str, Wait | None] = dict.fromkeys(roster)
        self._telling = asyncio.Lock()

    async def note(self, site: str, wait: Wait | None) -> None:
        if self._waits[site] is wait:
            return
        self._waits[site] = wait
        async with self._telling:
            await self.patience.tell({name: one for name, one in self._waits.items() if one is not None})


async def _persistently(
    question: Callable[[SiteClient], Awaitable[Answer]], site: SiteClient, waited: _Waited
) -> Answer | FedglmmError:
    """Asks one site until it answers or is at fault, or is waited for no longer."""
    until: dict[Wait, float] = {}
    pause = FIRST_PAUSE
    while True:
        outcome = await _tried(question, site)
        if not isinstance(outcome, FedglmmError):
            await waited.note(site.name, None)
            return outcome
        wait = Wait.after(outcome)
        if wait is not None:
            until.setdefault(wait, waited.patience.until(wait))
        if wait is None or time.monotonic() >= until[wait] or waited.hopeless.is_set():
            waited.hopeless.set()
            return outcome
        await waited.note(site.name, wait)
        with suppress(TimeoutError):
            await asyncio.wait_for(waited.hopeless.wait(), pause)
        pause = min(2 * pause, wait.longest_pause)


async def _tried(question: Callable[[SiteClient], Awaitable[Answer]], site: SiteClient) -> Answer | FedglmmError:
    try:
        return await question(site)
    except FedglmmError as error:
        return error
