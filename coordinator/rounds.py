"""The questions of the protocol, each to every site of the roster, and the sums of what they answer in roster order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from coordinator.asking import Answers, Patience, ask
from coordinator.site_client import SiteClient
from shared.contribution import Contribution, total
from shared.errors import DataError, SiteError, UnknownAnalysisError
from shared.masking.encoding import Fixed
from shared.masking.merkle import Tree
from shared.masking.session import Join
from shared.masking.vectors import contribution_length, start_length
from shared.messages import Accepted, CloseReply, CloseRequest, EvaluateRequest, StartRequest, number_of_counts
from shared.optimisation.start import StartContribution
from shared.specification import Specification

ASKED_AT_MOST = 5
"""Times, for one question, of a site that has forgotten the analysis whenever it is asked."""

Answer = TypeVar("Answer")


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
