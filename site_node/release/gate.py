"""What a site asks of its history before anything leaves (G3, G4), and writes down. The open policy asks and keeps nothing."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.messages import ContributionRequest
from shared.specification import Specification
from site_node.changed import check_unchanged, other_specification
from site_node.data.units import Known
from site_node.release.budget import Budget, check_budget, check_roster
from site_node.release.cohorts import released_with
from site_node.release.history import History
from site_node.release.rounds import Point, check_round, point_of


@dataclass(frozen=True)
class Remembered:
    """What a site knows of an analysis from before, perhaps from before it restarted."""

    answered: Mapping[int, Point] = field(default_factory=dict)
    withheld: frozenset[int] = frozenset()
    closed: bool = False


@dataclass(frozen=True)
class Gate:
    """The rules that look back. Without a history everything passes."""

    history: History | None = None
    budget: Budget = field(default_factory=Budget)
    now: Callable[[], float] = time.time

    def admit(
        self, analysis_id: str, specification: Specification, fingerprint: str, cohorts: Sequence[Known]
    ) -> Remembered:
        """Lets an analysis begin, or go on.

        Args:
            analysis_id: the coordinator's name for it.
            specification: what is asked.
            fingerprint: of the data.
            cohorts: the rows that its sums are made of.

        Raises:
            RefusedError: the budget is spent, or the rows differ by too few from those of analyses before.
            DataError: the analysis began with another specification, or with other data.
            StoreError: the history cannot be written.
        """
        if self.history is None:
            return Remembered()
        with self.history.writing() as kept:
            if kept.specification_of(analysis_id) not in {None, specification.sha256}:
                raise other_specification()
            released_with(kept.released(), cohorts)
            if (began_with := kept.fingerprint_of(analysis_id)) is not None:  # its rows are written down but once
                check_unchanged(began_with, fingerprint)
            now = self.now()
            if not kept.was_asked(fingerprint, specification.sha256):
                check_budget(kept.asked_since(fingerprint, now - self.budget.seconds), self.budget)
            kept.begin(analysis_id, specification, fingerprint, now)
            withheld = frozenset(kept.withheld(analysis_id))
            return Remembered(kept.answered(analysis_id), withheld, kept.is_closed(analysis_id))

    def join(self, analysis_id: str, specification: Specification, fingerprint: str) -> None:
        """Lets an answer pass whose rows only those of the other sites hide, and writes their roster down, before it leaves.

        Raises:
            RefusedError: the site joined another roster so, with these data and in this window.
            StoreError: the history cannot be written.
        """
        if self.history is not None:
            with self.history.writing() as kept:
                now = self.now()
                check_roster(specification.roster, kept.rosters(fingerprint, now - self.budget.seconds))
                kept.join(analysis_id, now)

    def withhold(self, analysis_id: str, number: int) -> None:
        """Writes down that nothing is said in a round because of a single unit, before anything is.

        Raises:
            StoreError: the history cannot be written.
        """
        if self.history is not None:
            with self.history.writing() as kept:
                kept.withhold(analysis_id, number)

    def release(self, analysis_id: str, request: ContributionRequest, cohorts: Sequence[Known], most: int) -> None:
        """Writes down that a round is answered, and of which rows; what it raises leaves nothing written.

        Args:
            analysis_id: the analysis.
            request: what is answered.
            cohorts: of the analysis; none once they are written down.
            most: rounds of the specification.

        Raises:
            RefusedError: meanwhile the rows differ by too few, or the round was answered for another request.
            StoreError: the history cannot be written: nothing may leave.
        """
        if self.history is None:
            return
        with self.history.writing() as kept:
            if cohorts:
                before = kept.released()
                kept.release(before, released_with(before, cohorts))
            point = kept.answer(analysis_id, request.round, point_of(request))
            check_round(request, {request.round: point}, most)

    def close(self, analysis_id: str) -> None:
        """Writes down that an analysis has ended.

        Raises:
            StoreError: the history cannot be written.
        """
        if self.history is not None:
            with self.history.writing() as kept:
                kept.close(analysis_id)
