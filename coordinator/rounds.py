"""One question to every site of the roster at once: deadlines, culprits by name, and the sum in roster order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from coordinator.site_answers import UNREACHABLE
from coordinator.site_client import SiteClient
from shared.contribution import Contribution, total
from shared.errors import ApprovalError, DataError, FedglmmError, SiteError, UnknownAnalysisError
from shared.masking.encoding import Fixed
from shared.masking.merkle import Tree
from shared.masking.session import Join
from shared.masking.vectors import contribution_length, start_length
from shared.messages import Accepted, CloseReply, CloseRequest, EvaluateRequest, StartRequest, number_of_counts
from shared.optimisation.start import StartContribution
from shared.specification import Specification

FIRST_PAUSE = 0.1
LONGEST_PAUSE, LONGEST_FOR_A_PERSON = 2.0, 60.0
"""Seconds between two questions."""
ASKED_AT_MOST = 5
"""Times, for one question, of a site that has forgotten the analysis whenever it is asked."""

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


@dataclass(frozen=True)
class Session:
    """An analysis as its sites know it."""

    analysis_id: str
    specification: Specification
    accepted: Mapping[str, Accepted]
    """What every site answered to the specification."""

    @property
    def joins(self) -> tuple[Join, ...]:
        """What the sites signed to take part under masks, in roster order; nothing where sums are not masked."""
        return tuple(one.join for one in self.accepted.values() if one.join is not None)


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
        faults=tuple(outcome for outcome in outcomes.values() if isinstance(outcome, FedglmmError)),
    )


async def prepare(
    roster: Sequence[SiteClient], analysis_id: str, specification: Specification, patience: Patience
) -> dict[str, Accepted]:
    """Asks every site to take part.

    Raises:
        RosterError: with every refusal.
    """

    async def question(site: SiteClient) -> Accepted:
        """Who it is first: the quickest way to find out that nobody answers."""
        await site.about()
        return await site.prepare(analysis_id, specification)

    return (await ask(roster, question, patience)).complete()


async def masked(
    roster: Sequence[SiteClient],
    session: Session,
    requests: Mapping[str, StartRequest | EvaluateRequest],
    patience: Patience,
) -> Tree:
    """One round under masks: every site's answer, which only their sum makes sense of.

    Args:
        roster: the sites.
        session: the analysis.
        requests: the question to each site, with what proves the last sum to it.
        patience: with sites that cannot be reached.

    Raises:
        RosterError: with every fault.
    """
    layout, counts = session.specification.layout, number_of_counts(session.specification)

    async def question(site: SiteClient) -> Fixed:
        """A round under its mask, as long as the specification says."""
        request = requests[site.name]
        length = contribution_length(layout) if request.round else start_length(layout, counts)
        return await _prepared(site, session, lambda: site.masked(session.analysis_id, request, length))

    answers = (await ask(roster, question, patience)).complete()
    return await asyncio.to_thread(Tree.of, list(answers.values()))


async def starts(roster: Sequence[SiteClient], session: Session, patience: Patience) -> list[StartContribution]:
    """Round 0: every site's one-shot start.

    Raises:
        RosterError: with every fault.
    """
    request = StartRequest(specification_sha256=session.specification.sha256)
    layout = session.specification.layout

    async def question(site: SiteClient) -> StartContribution:
        """The site's start, in the open."""
        return await _prepared(site, session, lambda: site.start(session.analysis_id, request, layout))

    return list((await ask(roster, question, patience)).complete().values())


async def evaluate(
    roster: Sequence[SiteClient], session: Session, request: EvaluateRequest, patience: Patience
) -> Contribution:
    """One round: the sum of every site's contribution at psi.

    Raises:
        RosterError: with every fault.
    """
    layout = session.specification.layout

    async def question(site: SiteClient) -> Contribution:
        """The site's contribution, in the open."""
        return await _prepared(site, session, lambda: site.evaluate(session.analysis_id, request, layout))

    contributions = list((await ask(roster, question, patience)).complete().values())
    return await asyncio.to_thread(total, contributions)


async def close(
    roster: Sequence[SiteClient],
    session: Session,
    requests: Mapping[str, CloseRequest],
    final: EvaluateRequest | None,
    patience: Patience,
) -> Answers[CloseReply]:
    """Tells every site how the analysis ended. A site that does not answer takes nothing from the estimates.

    Args:
        roster: the sites.
        session: the analysis.
        requests: to each site, how it ended.
        final: the round at whose psi it ended with estimates. A site that restarted since releases its effect once it
            has answered that round again.
        patience: with sites that cannot be reached.
    """
    effects = len(session.specification.site_effects)

    async def question(site: SiteClient) -> CloseReply:
        """The end; and once more after the last round, for an effect that a restarted site does not know."""
        request = requests[site.name]
        reply = await _prepared(site, session, lambda: site.close(session.analysis_id, request, effects))
        if effects and final is not None and reply.site_effect is None:
            await _prepared(
                site, session, lambda: site.evaluate(session.analysis_id, final, session.specification.layout)
            )
            reply = await site.close(session.analysis_id, request, effects)
        return reply

    return await ask(roster, question, patience)


async def _prepared(site: SiteClient, session: Session, question: Callable[[], Awaitable[Answer]]) -> Answer:
    """A question to a site that may have forgotten the analysis (it restarted): then it is prepared once more.

    Raises:
        DataError: its data have changed since it accepted.
        SiteError: it forgets the analysis again and again.
    """
    for _ in range(ASKED_AT_MOST):
        try:
            return await question()
        except UnknownAnalysisError:
            accepted = await site.prepare(session.analysis_id, session.specification)
        if accepted != session.accepted[site.name]:
            raise DataError(
                "its data have changed during the analysis.", where=site.name, remedy="Submit the analysis again."
            )
    raise SiteError(
        f"it was asked {ASKED_AT_MOST} times, and had forgotten the analysis each time.",
        where=site.name,
        remedy="Does it keep restarting? See the site's log.",
    )


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
