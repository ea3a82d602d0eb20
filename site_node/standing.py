"""What a site is to its consortium, where its rows come from, and what its answers pass before they leave."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from shared.dictionary import Dictionary
from shared.specification import Specification
from site_node.data.table import Columns
from site_node.data.units import Known
from site_node.release.account import Entries
from site_node.release.exchange import Member
from site_node.release.gate import Gate
from site_node.release.policy import PolicyName


class Source(Protocol):
    """Where a site's data come from."""

    def fingerprint(self) -> str:
        """The keyed hash of the data as they are now."""
        ...

    def known(self, fingerprint: str, dictionary: Dictionary) -> Known:
        """The rows of data that have this keyed hash, by what they say in the dictionary's columns."""
        ...

    def opened(self) -> AbstractContextManager[tuple[str, Columns]]:
        """The keyed hash of the data as they are now, and their columns, which are read as long as they stay so."""
        ...


def by_policy(_analysis_id: str, _specification: Specification) -> None:
    """Nobody is asked: what the policy lets pass is approved."""


def nobody_asked(_analysis_id: str, _outcome: str) -> None:
    """No person waits to hear how an analysis ended."""


@dataclass(frozen=True)
class Standing:
    """A site as others know it."""

    name: str
    version: str
    """Of the program."""
    policy: PolicyName
    dictionary: Dictionary
    member: Member | None = None
    """What it takes part with under masks."""
    shares_own: bool = True
    """Whether results may show its own counts and its own effect."""


@dataclass(frozen=True)
class Release:
    """What lets an answer pass, or writes it down, beside the rules of the policy."""

    ledger: Entries
    gate: Gate = field(default_factory=Gate)
    """What was released before."""
    check_approved: Callable[[str, Specification], None] = by_policy
    """Raises unless an analysis of this id and specification is approved."""
    tell_ended: Callable[[str, str], None] = nobody_asked
    """Tells the person who is asked to approve an analysis of this id how it ended."""
