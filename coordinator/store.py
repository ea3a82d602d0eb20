"""Where analyses are kept. A run's whole state is what is stored here: the start, and every round's exact sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Protocol

from coordinator.records import Analysis, Round, now
from coordinator.states import AnalysisState
from shared.errors import UnknownAnalysisError
from shared.messages import Accepted, Problem, StartMessage


class Store(Protocol):
    """What a store does.

    Every method that names an analysis raises UnknownAnalysisError if there is none, and any method StoreError.
    """

    def add(self, analysis: Analysis) -> Analysis:
        """Keeps a new analysis, unless its idempotency key is known: returns the one that is kept."""

    def get(self, analysis_id: str) -> Analysis:
        """The analysis as it stands."""

    def newest(self, *, state: AnalysisState | None, limit: int, before: str | None) -> list[Analysis]:
        """Newest first, after the analysis `before` in that order."""

    def unfinished(self) -> list[str]:
        """The ids of all analyses that have not ended, oldest first."""

    def change(
        self,
        analysis_id: str,
        state: AnalysisState,
        *,
        waiting_for: Sequence[str] = (),
        problems: Sequence[Problem] = (),
        result: str | None = None,
    ) -> Analysis:
        """Enters a state. An ended analysis stays as it is, whatever comes late: returns how it stands."""

    def set_accepted(self, analysis_id: str, accepted: Mapping[str, Accepted]) -> None:
        """Keeps what every site answered to the specification, in the order of the roster."""

    def accepted(self, analysis_id: str) -> dict[str, Accepted]:
        """What every site answered; empty before all have accepted."""

    def set_start(self, analysis_id: str, start: StartMessage) -> None:
        """Keeps the sum of the sites' one-shot starts."""

    def start(self, analysis_id: str) -> StartMessage | None:
        """The sum of the starts, once there is one."""

    def add_round(self, analysis_id: str, entry: Round) -> None:
        """Keeps a round, durably."""

    def rounds(self, analysis_id: str) -> list[Round]:
        """All rounds, in order."""

    def result(self, analysis_id: str) -> str | None:
        """The result as JSON, once there is one."""

    def delete(self, analysis_id: str) -> None:
        """Forgets the analysis with everything that belongs to it."""

    def close(self) -> None:
        """Lets go of files and connections."""


def unknown(analysis_id: str) -> UnknownAnalysisError:
    """The error of an id that nobody knows."""
    return UnknownAnalysisError("there is no such analysis.", where=analysis_id, remedy="GET /v1/analyses lists them.")


@dataclass
class _Kept:
    analysis: Analysis
    accepted: dict[str, Accepted] = field(default_factory=dict)
    start: StartMessage | None = None
    rounds: list[Round] = field(default_factory=list)
    result: str | None = None


class MemoryStore:
    """A store that forgets everything with its process: for rehearsals and trials."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = RLock()

    def add(self, analysis: Analysis) -> Analysis:
        """Keeps a new analysis, unless its idempotency key is known."""
        with self._lock:
            for kept in self._kept.values():
                if analysis.idempotency_key is not None and kept.analysis.idempotency_key == analysis.idempotency_key:
                    return kept.analysis
            self._kept[analysis.id] = _Kept(analysis)
            return analysis

    def get(self, analysis_id: str) -> Analysis:
        """The analysis as it stands."""
        kept = self._find(analysis_id)
        return replace(kept.analysis, last=kept.rounds[-1].trace if kept.rounds else None)

    def newest(self, *, state: AnalysisState | None, limit: int, before: str | None) -> list[Analysis]:
        """Newest first, after the analysis `before` in that order."""
        with self._lock:
            ids = list(self._kept)
            if before is not None:
                ids = ids[: ids.index(self._find(before).analysis.id)]
            analyses = [self.get(identifier) for identifier in reversed(ids)]
        return [analysis for analysis in analyses if state in (None, analysis.state)][:limit]

    def unfinished(self) -> list[str]:
        """The ids of all analyses that have not ended, oldest first."""
        with self._lock:
            return [identifier for identifier, kept in self._kept.items() if not kept.analysis.state.ended]

    def change(
        self,
        analysis_id: str,
        state: AnalysisState,
        *,
        waiting_for: Sequence[str] = (),
        problems: Sequence[Problem] = (),
        result: str | None = None,
    ) -> Analysis:
        """Enters a state; an ended analysis stays as it is."""
        with self._lock:
            kept = self._find(analysis_id)
            if not kept.analysis.state.ended:
                since = kept.analysis.since if kept.analysis.state == state else now()
                kept.analysis = replace(
                    kept.analysis, state=state, since=since, waiting_for=tuple(waiting_for), problems=tuple(problems)
                )
                kept.result = result
            return self.get(analysis_id)

    def set_accepted(self, analysis_id: str, accepted: Mapping[str, Accepted]) -> None:
        """Keeps what every site answered to the specification."""
        self._find(analysis_id).accepted = dict(accepted)

    def accepted(self, analysis_id: str) -> dict[str, Accepted]:
        """What every site answered."""
        return dict(self._find(analysis_id).accepted)

    def set_start(self, analysis_id: str, start: StartMessage) -> None:
        """Keeps the sum of the sites' one-shot starts."""
        self._find(analysis_id).start = start

    def start(self, analysis_id: str) -> StartMessage | None:
        """The sum of the starts, once there is one."""
        return self._find(analysis_id).start

    def add_round(self, analysis_id: str, entry: Round) -> None:
        """Keeps a round."""
        self._find(analysis_id).rounds.append(entry)

    def rounds(self, analysis_id: str) -> list[Round]:
        """All rounds, in order."""
        return list(self._find(analysis_id).rounds)

    def result(self, analysis_id: str) -> str | None:
        """The result as JSON, once there is one."""
        return self._find(analysis_id).result

    def delete(self, analysis_id: str) -> None:
        """Forgets the analysis."""
        with self._lock:
            del self._kept[self._find(analysis_id).analysis.id]

    def close(self) -> None:
        """Forgets everything."""
        self._kept.clear()

    def _find(self, analysis_id: str) -> _Kept:
        kept = self._kept.get(analysis_id)
        if kept is None:
            raise unknown(analysis_id)
        return kept
