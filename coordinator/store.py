"""Where analyses are kept. A run's whole state is what is stored here: the start, and every round's exact sum.

An event is stored together with the change that it tells of, as it will be told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Protocol

from coordinator.records import Analysis, Event, EventKind, Round, TraceEntry, now
from coordinator.states import AnalysisState
from coordinator.views import AnalysisView, RoundView
from coordinator.wanted import ALL, Wanted
from coordinator.wanted_records import fits
from shared.errors import UnknownAnalysisError
from shared.messages import Accepted, Problem, StartMessage
from shared.specification import Specification

Listener = Callable[[str], None]
"""Is told an analysis's id; raises nothing."""


class Store(Protocol):
    """What a store does.

    Every method that names an analysis raises UnknownAnalysisError if there is none, and any method StoreError. Nothing is
    stored after an ending: whatever comes late has no effect, and raises nothing.
    """

    def add(self, analysis: Analysis, specification: Specification) -> Analysis:
        """Keeps a new analysis, unless its idempotency key is known: returns the one that is kept."""

    def get(self, analysis_id: str) -> Analysis:
        """The analysis as it stands."""

    def specification(self, analysis_id: str) -> Specification:
        """What is fitted."""

    def newest(self, wanted: Wanted = ALL, *, limit: int, before: str | None = None) -> list[Analysis]:
        """Those that are wanted, newest first, after the analysis `before` in that order."""

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
        """Enters a state: an event, unless nothing changes. Returns how the analysis stands then."""

    def set_accepted(self, analysis_id: str, accepted: Mapping[str, Accepted]) -> None:
        """Keeps what every site answered to the specification, in the order of the roster."""

    def accepted(self, analysis_id: str) -> dict[str, Accepted]:
        """What every site answered; empty before all have accepted."""

    def set_start(self, analysis_id: str, start: StartMessage) -> None:
        """Keeps the sum of the sites' one-shot starts."""

    def start(self, analysis_id: str) -> StartMessage | None:
        """The sum of the starts, once there is one."""

    def add_round(self, analysis_id: str, entry: Round) -> None:
        """Keeps a round, durably: an event."""

    def rounds(self, analysis_id: str) -> list[Round]:
        """All rounds, in order."""

    def trace(self, analysis_id: str) -> list[TraceEntry]:
        """What an analyst sees of all rounds, in order."""

    def tried(self, analysis_id: str) -> list[tuple[float, ...]]:
        """The psi of all rounds, in order; no analyst sees it."""

    def result(self, analysis_id: str) -> str | None:
        """The result as JSON, once there is one."""

    def events(self, analysis_id: str, *, after: int = 0) -> list[Event]:
        """The events whose numbers are larger than `after`, in order."""

    def listen(self, listener: Listener) -> None:
        """Has this listener, instead of any before, told of every new event and every deletion, in the writer's thread."""

    def delete(self, analysis_id: str) -> None:
        """Forgets the analysis with everything that belongs to it."""

    def close(self) -> None:
        """Lets go of files and connections."""


def unknown(analysis_id: str) -> UnknownAnalysisError:
    """The error of an id that nobody knows."""
    return UnknownAnalysisError("there is no such analysis.", where=analysis_id, remedy="GET /v1/analyses lists them.")


def nobody(_analysis_id: str) -> None:
    """The listener of a store that nobody listens to."""


@dataclass
class _Kept:
    analysis: Analysis
    specification: Specification
    accepted: dict[str, Accepted] = field(default_factory=dict)
    start: StartMessage | None = None
    rounds: list[Round] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    result: str | None = None

    def happened(self, kind: EventKind, view: AnalysisView | RoundView) -> None:
        """Keeps an event."""
        self.events.append(Event(len(self.events) + 1, kind, view.model_dump_json()))


class MemoryStore:
    """A store that forgets everything with its process: what tests hand to `create_app`."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = RLock()
        self._listener: Listener = nobody

    def add(self, analysis: Analysis, specification: Specification) -> Analysis:
        """Keeps a new analysis, unless its idempotency key is known."""
        with self._lock:
            for kept in self._kept.values():
                if analysis.idempotency_key is not None and kept.analysis.idempotency_key == analysis.idempotency_key:
                    return self.get(kept.analysis.id)
            self._kept[analysis.id] = kept = _Kept(analysis, specification)
            kept.happened(EventKind.STATE, AnalysisView.of(analysis))
        self._listener(analysis.id)
        return analysis

    def get(self, analysis_id: str) -> Analysis:
        """The analysis as it stands."""
        kept = self._find(analysis_id)
        return replace(kept.analysis, last=kept.rounds[-1].trace if kept.rounds else None)

    def specification(self, analysis_id: str) -> Specification:
        """What is fitted."""
        return self._find(analysis_id).specification

    def newest(self, wanted: Wanted = ALL, *, limit: int, before: str | None = None) -> list[Analysis]:
        """Newest first, after the analysis `before` in that order."""
        with self._lock:
            ids = list(self._kept)
            if before is not None:
                ids = ids[: ids.index(self._find(before).analysis.id)]
            analyses = [self.get(identifier) for identifier in reversed(ids)]
        return [analysis for analysis in analyses if fits(analysis, wanted)][:limit]

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
            before = kept.analysis
            since = before.since if before.state == state else now()
            after = replace(before, state=state, since=since, waiting_for=tuple(waiting_for), problems=tuple(problems))
            if before.state.ended or after == before:
                return self.get(analysis_id)
            kept.analysis, kept.result = after, result
            changed = self.get(analysis_id)
            kept.happened(EventKind.STATE, AnalysisView.of(changed))
        self._listener(analysis_id)
        return changed

    def set_accepted(self, analysis_id: str, accepted: Mapping[str, Accepted]) -> None:
        """Keeps what every site answered to the specification."""
        with self._lock:
            kept = self._find(analysis_id)
            if not kept.analysis.state.ended:
                kept.accepted = dict(accepted)

    def accepted(self, analysis_id: str) -> dict[str, Accepted]:
        """What every site answered."""
        return dict(self._find(analysis_id).accepted)

    def set_start(self, analysis_id: str, start: StartMessage) -> None:
        """Keeps the sum of the sites' one-shot starts."""
        with self._lock:
            kept = self._find(analysis_id)
            if not kept.analysis.state.ended:
                kept.start = start

    def start(self, analysis_id: str) -> StartMessage | None:
        """The sum of the starts, once there is one."""
        return self._find(analysis_id).start

    def add_round(self, analysis_id: str, entry: Round) -> None:
        """Keeps a round."""
        with self._lock:
            kept = self._find(analysis_id)
            if kept.analysis.state.ended:
                return
            kept.rounds.append(entry)
            kept.happened(EventKind.ROUND, RoundView.of(entry.trace))
        self._listener(analysis_id)

    def rounds(self, analysis_id: str) -> list[Round]:
        """All rounds, in order."""
        return list(self._find(analysis_id).rounds)

    def trace(self, analysis_id: str) -> list[TraceEntry]:
        """What an analyst sees of all rounds, in order."""
        return [entry.trace for entry in self.rounds(analysis_id)]

    def tried(self, analysis_id: str) -> list[tuple[float, ...]]:
        """The psi of all rounds, in order."""
        return [entry.psi for entry in self.rounds(analysis_id)]

    def result(self, analysis_id: str) -> str | None:
        """The result as JSON, once there is one."""
        return self._find(analysis_id).result

    def events(self, analysis_id: str, *, after: int = 0) -> list[Event]:
        """The events whose numbers are larger than `after`."""
        return self._find(analysis_id).events[after:]

    def listen(self, listener: Listener) -> None:
        """Tells this listener from now on."""
        self._listener = listener

    def delete(self, analysis_id: str) -> None:
        """Forgets the analysis."""
        with self._lock:
            del self._kept[self._find(analysis_id).analysis.id]
        self._listener(analysis_id)

    def close(self) -> None:
        """Forgets everything."""
        self._kept.clear()

    def _find(self, analysis_id: str) -> _Kept:
        kept = self._kept.get(analysis_id)
        if kept is None:
            raise unknown(analysis_id)
        return kept
