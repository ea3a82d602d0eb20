"""What the coordinator keeps of an analysis: frozen values, the same in every store."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from coordinator.states import AnalysisState
from shared.messages import ContributionMessage, Problem
from shared.request import AnalysisRequest
from shared.specification import Specification, sha256_of

ID_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the letters and digits that people take for one another."""
ID_LENGTH = 12


def now() -> str:
    """This moment, UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class TraceEntry:
    """One round as the analyst sees it: no psi, no gradient."""

    round: int
    log_likelihood: float
    """At the psi that this round tried."""
    decrement: float | None
    """The Newton decrement after the step."""
    accepted: bool
    """Whether the step took the trial psi."""
    seconds: float


@dataclass(frozen=True)
class Round:
    """One round: the psi that was sent to every site, and the sum of their contributions, exactly."""

    number: int
    psi: tuple[float, ...]
    summed: ContributionMessage
    log_likelihood: float
    """The criterion at that psi: the sum's value, or the restricted likelihood."""
    decrement: float | None
    accepted: bool
    seconds: float

    @property
    def trace(self) -> TraceEntry:
        """What the analyst may see of it."""
        return TraceEntry(self.number, self.log_likelihood, self.decrement, self.accepted, self.seconds)


class EventKind(StrEnum):
    """What an event tells of."""

    STATE = "state"  # the analysis entered a state, or waits for other sites than before
    ROUND = "round"  # a round is done


@dataclass(frozen=True)
class Event:
    """Something that happened to an analysis, as it is told: no psi, no gradient."""

    number: int
    """1, 2, 3, ... within the analysis."""
    kind: EventKind
    data: str
    """The view of the analysis or of the round, as JSON."""

    @property
    def is_ending(self) -> bool:
        """Whether it tells of the analysis's end: no event follows."""
        return self.kind is EventKind.STATE and AnalysisState(json.loads(self.data)["state"]).ended


@dataclass(frozen=True)
class Analysis:
    """One analysis as it stands. What may be large is asked for separately: its specification, start, rounds and result."""

    id: str
    request: AnalysisRequest
    roster: tuple[str, ...]
    idempotency_key: str | None
    created_at: str
    state: AnalysisState
    since: str
    """When it entered this state."""
    owner: str | None = None
    """Who submitted it; none where everybody may ask."""
    waiting_for: tuple[str, ...] = ()
    """The sites that are missing while it is paused, or where a person has not approved it yet."""
    problems: tuple[Problem, ...] = ()
    """Why it was refused or failed: one of each culprit."""
    last: TraceEntry | None = None
    """Its last round."""

    @classmethod
    def submitted(
        cls,
        request: AnalysisRequest,
        specification: Specification,
        idempotency_key: str | None = None,
        owner: str | None = None,
    ) -> "Analysis":
        """A new analysis, under a new id."""
        identifier = "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
        at = now()
        return cls(identifier, request, specification.roster, idempotency_key, at, AnalysisState.SUBMITTED, at, owner)

    @property
    def request_sha256(self) -> str:
        """The hash by which two requests under one idempotency key are compared."""
        return sha256_of(self.request)
