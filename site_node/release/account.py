"""What leaves a site for one analysis: each reply, also a refusal, is in the ledger before it goes."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from pydantic import BaseModel

from shared.errors import ApprovalError, FedglmmError, StoreError, UnknownAnalysisError
from shared.masking.messages import MaskedReply
from shared.messages import Accepted, CloseReply, EvaluateReply, Problem, StartReply
from shared.specification import Specification
from shared.wire import Wire
from site_node.release.entry import Event, Left, Note

MOST_NAMED = 200
"""Sites of a roster that an entry names. The specification's hash stands for all."""

Written: TypeAlias = Callable[[Wire], bytes]
"""How a reply is written."""
Reply = TypeVar("Reply", bound=Wire)

_EVENTS: dict[type[Wire], Event] = {
    Accepted: "prepared",
    StartReply: "start",
    EvaluateReply: "round",
    MaskedReply: "round",
    CloseReply: "closed",
    Problem: "refused",
}


def in_json(reply: Wire) -> bytes:
    """A reply as it leaves unless it is asked for in another form."""
    return reply.written


class Entries(Protocol):
    """Where entries go."""

    def enter(self, note: Note) -> None:
        """Adds an entry, which is on the disk when this returns.

        Raises:
            StoreError: it cannot be written. Then nothing may leave.
        """
        ...


@dataclass(frozen=True)
class Account:
    """The entries of one request."""

    ledger: Entries
    analysis: str
    specification: Specification
    round: int | None = None

    def enter(
        self, reply: Reply, written: Written = in_json, *, code: str = "", rule: str = "", outcome: str = ""
    ) -> Reply:
        """Enters a reply, and returns it.

        Args:
            reply: what is to leave.
            written: how it is written.
            code: of a refusal, or of an answer that says nothing by a rule.
            rule: of a refusal by the policy, or the same.
            outcome: of the analysis, at its end.

        Raises:
            StoreError: there can be no entry. Then the reply must not leave.
        """
        content = written(reply)
        self.ledger.enter(
            Note(
                event=_event(reply),
                analysis=self.analysis,
                specification=self.specification.sha256,
                title=self.specification.title,
                formula=self.specification.formula,
                roster=_named(self.specification.roster),
                round=self.round,
                left=Left(
                    message=type(reply).__name__,
                    numbers=numbers_in(reply),
                    bytes=len(content),
                    sha256=hashlib.sha256(content).hexdigest(),
                ),
                code=code,
                rule=rule,
                outcome=outcome,
            )
        )
        return reply


@contextmanager
def account_of(
    ledger: Entries, analysis: str, specification: Specification, number: int | None = None
) -> Iterator[Account]:
    """The account of one request. A fault that ends the block is entered as a refusal before it goes on its way.

    Not entered is that an analysis is unknown, or that a person has not decided yet, which tell nothing of the data, nor that the
    ledger itself fails.

    Args:
        ledger: where its entries go.
        analysis: the coordinator's id.
        specification: of the analysis.
        number: the round, if one is asked for.

    Raises:
        StoreError: there can be no entry. Then no reply may leave, the refusal included.
    """
    account = Account(ledger, analysis, specification, number)
    try:
        yield account
    except (ApprovalError, StoreError, UnknownAnalysisError):
        raise
    except FedglmmError as error:
        problem = Problem.of(error)
        account.enter(problem, code=problem.code, rule=problem.rule)
        raise


def numbers_in(value: object) -> int:
    """How many numbers a message tells; the round's own is none."""
    if isinstance(value, MaskedReply):
        return len(value.fixed)
    if isinstance(value, int | float):
        return 1
    if isinstance(value, tuple):
        return sum(map(numbers_in, value))
    if isinstance(value, dict):
        return sum(map(numbers_in, value.values()))
    if isinstance(value, BaseModel):
        return sum(numbers_in(field) for name, field in value if name != "round")
    return 0


def _event(reply: Wire) -> Event:
    """Under masks all rounds are answered alike; that of the start has no number but 0."""
    return "start" if isinstance(reply, MaskedReply) and reply.round == 0 else _EVENTS[type(reply)]


def _named(roster: tuple[str, ...]) -> tuple[str, ...]:
    beyond = len(roster) - MOST_NAMED
    return roster if beyond <= 0 else (*roster[:MOST_NAMED], f"and {beyond} more")
