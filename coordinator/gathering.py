"""Sums over the sites of one analysis, round after round: in the open, or from answers under masks and with proofs."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from coordinator import rounds
from coordinator.asking import Patience
from coordinator.rounds import Session
from coordinator.site_client import SiteClient
from shared.contribution import Contribution
from shared.errors import ContributionError, SiteError
from shared.masking.encoding import decode
from shared.masking.merkle import Tree
from shared.masking.messages import Proof
from shared.masking.result import Signed
from shared.masking.vectors import contribution_in, start_in
from shared.messages import (
    CloseRequest,
    ContributionMessage,
    Counts,
    EvaluateRequest,
    StartMessage,
    StartRequest,
    number_of_counts,
)
from shared.optimisation.start import StartContribution
from shared.optimisation.state import State
from shared.parameters import Vector

Question = TypeVar("Question", EvaluateRequest, CloseRequest)
AddStarts = Callable[[Sequence[StartContribution]], StartContribution]


@dataclass
class Gathering:
    """Asks every site, and adds up what they answer."""

    roster: Sequence[SiteClient]
    session: Session
    patience: Patience
    add_starts: AddStarts
    tree: Tree | None = None
    """Over the last answers, where they are masked: it proves their sum to each site with the next question."""

    async def start(self) -> StartMessage:
        """Round 0: the sum of the starts.

        Raises:
            RosterError: with every fault.
            SiteError: the sites' masks do not cancel.
        """
        if not self.session.specification.masked:
            parts = await rounds.starts(self.roster, self.session, self.patience)
            return StartMessage.of(await asyncio.to_thread(self.add_starts, parts))
        request = self._first
        requests = {site.name: request for site in self.roster}
        self.tree = await rounds.masked(self.roster, self.session, requests, self.patience)
        return await asyncio.to_thread(self._start)

    async def evaluate(self, request: EvaluateRequest) -> Contribution:
        """A round.

        Raises:
            RosterError: with every fault.
            SiteError: the sites' masks do not cancel.
        """
        if not self.session.specification.masked:
            return await rounds.evaluate(self.roster, self.session, request, self.patience)
        requests = await self._with_proofs(request.model_copy(update={"previous": None}))
        self.tree = await rounds.masked(self.roster, self.session, requests, self.patience)
        return await asyncio.to_thread(self._contribution)

    async def resume(self, start: StartMessage, last: tuple[EvaluateRequest, ContributionMessage] | None) -> None:
        """After a restart: the sites repeat their last masked answers, which prove the stored sum with the next question.

        Raises:
            RosterError: with every fault.
            SiteError: the answers add up to something else than what was stored.
        """
        if not self.session.specification.masked:
            return
        if last is None:
            same = await self.start() == start
        else:
            self.tree = None
            same = ContributionMessage.of(await self.evaluate(last[0])) == last[1]
        if not same:
            raise SiteError(
                "the sites' answers do not add up to the sum that was stored.",
                where="the roster",
                remedy="Submit the analysis again.",
                code="masks",
            )

    async def closing(self, request: CloseRequest) -> Mapping[str, CloseRequest]:
        """The last question to each site."""
        return await self._with_proofs(request)

    def signed(self, state: State) -> Signed | None:
        """What the sites sign of a masked fit that ended in this state."""
        return None if self.tree is None else Signed.of(self.session.joins, self.tree.root.hash, state)

    @property
    def _first(self) -> StartRequest:
        return StartRequest(specification_sha256=self.session.specification.sha256, joins=self.session.joins)

    async def _with_proofs(self, request: Question) -> dict[str, Question]:
        names = [site.name for site in self.roster]
        if self.tree is None:
            return dict.fromkeys(names, request)
        return await asyncio.to_thread(_proved, request, names, self.tree)

    def _start(self) -> StartMessage:
        specification = self.session.specification
        with _masks_cancel():
            start, entries = start_in(
                self._total, specification.layout, len(self.roster), number_of_counts(specification)
            )
        return StartMessage.of(start, Counts.in_entries(entries, specification))

    def _contribution(self) -> Contribution:
        with _masks_cancel():
            return contribution_in(self._total, self.session.specification.layout, len(self.roster))

    @property
    def _total(self) -> Vector:
        assert self.tree is not None, "a sum follows its answers"  # noqa: S101 -- the callers' contract
        return decode(self.tree.root.sum)


@contextmanager
def _masks_cancel() -> Iterator[None]:
    try:
        yield
    except ContributionError as error:
        raise SiteError(error.message, where="the roster", remedy="Submit the analysis again.", code="masks") from None


def _proved(request: Question, names: Sequence[str], tree: Tree) -> dict[str, Question]:
    return {name: request.model_copy(update={"proof": Proof.of(tree, place)}) for place, name in enumerate(names)}
