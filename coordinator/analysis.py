"""The use case: prepare every site, start, rounds and steps until an outcome, close, result.

The run's whole state is what is stored: the start and the rounds' sums. The optimiser's state is folded from them anew
whenever a run begins, so a coordinator that was killed at any moment ends with the same bits.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import structlog

from coordinator import rounds
from coordinator.asking import Patience, RosterError, Wait, ask
from coordinator.gathering import Gathering
from coordinator.optimiser import NOT_COMPUTABLE, Optimiser, not_finite
from coordinator.records import Round, TraceEntry
from coordinator.roster import Told, counts_of, faults_of, faults_of_start
from coordinator.rounds import Session
from coordinator.site_client import SiteClient
from coordinator.slots import Slot
from coordinator.states import AnalysisState
from coordinator.store import Store
from coordinator.waiting_out import waited_out
from shared.consortium import Consortium
from shared.errors import DataError, FedglmmError, RefusedError, SiteError, StoreError, UnknownAnalysisError
from shared.masking.session import Agreed, check_joins
from shared.messages import (
    Accepted,
    CloseReply,
    CloseRequest,
    ContributionMessage,
    EvaluateRequest,
    Problem,
    StartMessage,
)
from shared.optimisation.outcome import OutcomeKind
from shared.optimisation.state import State
from shared.specification import Specification

LOG = structlog.get_logger(__name__)

Values = ParamSpec("Values")
Kept = TypeVar("Kept")


class MakeResult(Protocol):
    """Writes the canonical result."""

    def __call__(
        self,
        specification: Specification,
        state: State,
        trace: Sequence[TraceEntry],
        told: Told,
    ) -> Mapping[str, Any]:
        """Makes it, ready for JSON."""


@dataclass(frozen=True)
class Federation:
    """All that an analysis needs to be run."""

    store: Store
    sites: Mapping[str, SiteClient]
    optimiser: Optimiser
    make_result: MakeResult
    site_deadline: float
    """Seconds that a site which cannot be reached is waited for."""
    consortium: Consortium | None = None
    """Whose sites answer under masks."""
    approval_deadline: float = 86400.0
    """Seconds that a person at a site is waited for, who has to approve an analysis."""
    store_deadline: float = 600.0
    """Seconds that a database which cannot be used is waited for, with what was computed kept in memory."""

    async def run(self, analysis_id: str, slot: Slot) -> None:
        """Runs an analysis, from wherever it stands, to its end. Every known fault becomes its ending.

        Args:
            analysis_id: the analysis.
            slot: its place among those that run.
        """
        try:
            await self._run(analysis_id, slot)
        except RosterError as error:
            refused = any(isinstance(fault, (RefusedError, DataError)) for fault in error.faults)
            ending = AnalysisState.REFUSED if refused else AnalysisState.FAILED
            await self._fail(analysis_id, ending, error.faults)
        except FedglmmError as error:
            await self._fail(analysis_id, AnalysisState.FAILED, [error])

    async def tell_sites(self, analysis_id: str, ending: AnalysisState) -> None:
        """Tells the sites that no more will come, without waiting for any that is missing."""
        try:
            roster = (await self._stored(self.store.get, analysis_id)).roster
        except StoreError as error:
            LOG.warning("sites_not_told", analysis=analysis_id, problem=error.message)
            return
        known = [self.sites[name] for name in roster if name in self.sites]
        request = CloseRequest(outcome=ending.value)
        answers = await ask(known, lambda site: site.close(analysis_id, request), Patience(0, _nobody))
        for fault in answers.faults:
            if not isinstance(fault, UnknownAnalysisError):  # a site that was never prepared has nothing to forget
                LOG.warning("site_not_told", analysis=analysis_id, site=fault.where, code=fault.code)

    async def end(self, analysis_id: str, ending: AnalysisState, problems: Sequence[Problem]) -> None:
        """Stores an ending that has no result, however long the database cannot be written."""
        await waited_out(math.inf, self.store.change, analysis_id, ending, problems=problems)

    async def _fail(self, analysis_id: str, ending: AnalysisState, faults: Sequence[FedglmmError]) -> None:
        problems = [Problem.of(fault) for fault in faults]
        await self.end(analysis_id, ending, problems)
        LOG.warning("analysis_ended", analysis=analysis_id, state=ending.value, codes=[p.code for p in problems])
        await self.tell_sites(analysis_id, ending)

    async def _run(self, analysis_id: str, slot: Slot) -> None:
        specification = await self._stored(self.store.specification, analysis_id)
        roster = self._roster(specification)
        session = await self._prepared(analysis_id, specification, roster, slot)
        patience = self._patience(analysis_id, AnalysisState.RUNNING, slot)
        gathering = Gathering(roster, session, patience, self.optimiser.add_starts)
        state, kind = await self._fitted(session, gathering)
        stored = await self._stored(self.store.rounds, analysis_id)
        replies = await self._closed(session, gathering, state, kind, stored)
        start = await self._stored(self.store.start, analysis_id)
        told = Told.of(specification, session.accepted, start, replies, gathering.signed(state))
        result = await asyncio.to_thread(self._result, session, state, [entry.trace for entry in stored], told)
        await self._stored(self.store.change, analysis_id, AnalysisState(kind.value), result=result)
        LOG.info("analysis_ended", analysis=analysis_id, state=kind.value, rounds=len(stored))

    async def _prepared(
        self, analysis_id: str, specification: Specification, roster: Sequence[SiteClient], slot: Slot
    ) -> Session:
        """What every site answered to the specification: as it was stored, or asked for now."""
        accepted = await self._stored(self.store.accepted, analysis_id)
        if not accepted:
            await self._stored(self.store.change, analysis_id, AnalysisState.PREPARING)
            patience = self._patience(analysis_id, AnalysisState.PREPARING, slot)
            accepted = await rounds.prepare(roster, analysis_id, specification, patience)
            if (counts := counts_of(specification, accepted)) is not None:
                _check(faults_of(specification, counts))
            self._check_joins(analysis_id, specification, accepted)
            await self._stored(self.store.set_accepted, analysis_id, accepted)
        await self._stored(self.store.change, analysis_id, AnalysisState.RUNNING)
        return Session(analysis_id, specification, accepted)

    async def _fitted(self, session: Session, gathering: Gathering) -> tuple[State, OutcomeKind]:
        """The optimiser's last state, and how it ended."""
        start = await self._stored(self.store.start, session.analysis_id)
        stored = await self._stored(self.store.rounds, session.analysis_id)
        if start is None:
            start = await gathering.start()
            if start.counts is not None:
                _check(faults_of(session.specification, start.counts))
            _check(faults_of_start(session.specification, start))
            await self._stored(self.store.set_start, session.analysis_id, start)
        else:
            await gathering.resume(start, await asyncio.to_thread(self._last, session, start, stored))
        state = await asyncio.to_thread(self.optimiser.replay, session.specification, start, stored)
        last = stored[-1] if stored else None
        while (outcome := state.outcome) is None:
            state, last = await self._round(session, gathering, state, last)
        return state, outcome.kind

    def _last(
        self, session: Session, start: StartMessage, stored: Sequence[Round]
    ) -> tuple[EvaluateRequest, ContributionMessage] | None:
        """The last stored round as it was asked, and its sum."""
        if not stored:
            return None
        *earlier, last = stored
        state = self.optimiser.replay(session.specification, start, earlier)
        return _request(session, state, earlier[-1] if earlier else None), last.summed

    async def _round(
        self, session: Session, gathering: Gathering, state: State, last: Round | None
    ) -> tuple[State, Round]:
        """One psi sent, one sum stored, one step taken."""
        request = _request(session, state, last)
        began = time.perf_counter()
        summed = await gathering.evaluate(request)
        after = await asyncio.to_thread(self.optimiser.stepped, state, summed)
        decrement = after.decrement
        entry = Round(
            number=request.round,
            psi=request.psi,
            summed=ContributionMessage.of(summed),
            decrement=decrement if decrement is not None and math.isfinite(decrement) else None,
            log_likelihood=after.last_value,
            accepted=after.last_accepted,
            seconds=time.perf_counter() - began,
        )
        await self._stored(self.store.add_round, session.analysis_id, entry)
        return after, entry

    async def _closed(
        self, session: Session, gathering: Gathering, state: State, kind: OutcomeKind, stored: Sequence[Round]
    ) -> Mapping[str, CloseReply]:
        """What the sites' policies release at the end."""
        final = _final(session, state, stored) if kind.has_estimates else None
        request = CloseRequest(outcome=kind.value)
        if final is not None:
            request = CloseRequest(outcome=kind.value, psi=final.psi, basis=final.basis)
        again = None if session.specification.masked else final
        requests = await gathering.closing(request)
        answers = await rounds.close(gathering.roster, session, requests, again, gathering.patience)
        for fault in answers.faults:
            LOG.warning("site_not_closed", analysis=session.analysis_id, site=fault.where, code=fault.code)
        return answers.replies

    def _result(self, session: Session, state: State, trace: Sequence[TraceEntry], told: Told) -> str:
        try:
            result = self.make_result(session.specification, state, trace, told)
            return json.dumps(result, allow_nan=False, ensure_ascii=False)
        except NOT_COMPUTABLE:
            raise not_finite() from None

    def _check_joins(self, analysis_id: str, specification: Specification, accepted: Mapping[str, Accepted]) -> None:
        """Every site will check what all signed: what does not fit is told before any number is asked for."""
        if specification.masked and self.consortium is not None:
            agreed = Agreed(self.consortium, analysis_id, specification.sha256, specification.roster)
            check_joins([one.join for one in accepted.values() if one.join], agreed, datetime.now(UTC))

    def _roster(self, specification: Specification) -> list[SiteClient]:
        for name in specification.roster:
            if name not in self.sites:
                raise SiteError(
                    "it is no longer among the coordinator's sites.",
                    where=name,
                    remedy="Put it back, or submit the analysis with another roster.",
                )
        return [self.sites[name] for name in specification.roster]

    def _patience(self, analysis_id: str, phase: AnalysisState, slot: Slot) -> Patience:
        async def tell(waits: Mapping[str, Wait]) -> None:
            """Gives the slot to others while it waits, and stores for whom."""
            await (slot.step_aside() if Wait.PERSON in waits.values() else slot.step_back())
            state = phase
            if waits:
                is_missing = Wait.SITE in waits.values()
                state = AnalysisState.PAUSED if is_missing else AnalysisState.AWAITING_APPROVAL
            await self._stored(self.store.change, analysis_id, state, waiting_for=tuple(waits))

        return Patience(self.site_deadline, tell, self.approval_deadline)

    async def _stored(
        self,
        use: Callable[Concatenate[str, Values], Kept],
        analysis_id: str,
        *values: Values.args,
        **more: Values.kwargs,
    ) -> Kept:
        """Uses the store, and waits up to `store_deadline` for it.

        Raises:
            StoreError: the database did not work for so long, or never will.
        """
        return await waited_out(self.store_deadline, use, analysis_id, *values, **more)


def _request(session: Session, state: State, last: Round | None) -> EvaluateRequest:
    """The round after the last one, at the state's psi."""
    return EvaluateRequest(
        round=last.number + 1 if last else 1,
        specification_sha256=session.specification.sha256,
        psi=tuple(state.psi.tolist()),
        quadrature_points=state.points,
        basis=tuple(state.basis.ravel().tolist()),
        previous=last.summed if last else None,
    )


def _final(session: Session, state: State, stored: Sequence[Round]) -> EvaluateRequest:
    """The round whose psi is the final one, as it was asked."""
    psi = tuple(state.psi.tolist())
    at = max(place for place, entry in enumerate(stored) if entry.psi == psi)
    return _request(session, state, stored[at - 1] if at else None)


def _check(faults: Sequence[FedglmmError]) -> None:
    if faults:
        raise RosterError(faults)


async def _nobody(_waits: Mapping[str, Wait]) -> None:
    """Nobody needs to be told."""
