"""What stored values are called on a page, and how moments are written there."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from site_node.release.approval import Request
from site_node.release.entry import Entry

SHORT = 12
"""Digits of a hash that a person compares."""


def moment(when: datetime) -> str:
    """To the minute, UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def second(written: str) -> str:
    """A written moment to the second, UTC."""
    return datetime.fromisoformat(written).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def short(digest: str) -> str:
    """The beginning of a hash."""
    return digest[:SHORT]


def sentence(text: str) -> str:
    """It begins with a capital."""
    return text[:1].upper() + text[1:]


def coded(text: str) -> Markup:
    """What stands between grave accents, as code; everything is escaped."""
    parts = re.split("`([^`]+)`", text)
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if k % 2 else escape(part) for k, part in enumerate(parts))


def counted(number: int, noun: str, several: str = "") -> str:
    """`1 site`, `2 sites`."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def happened(entry: Entry) -> str:
    """What an entry of the ledger says, for people."""
    again = ", again" if entry.again else ""
    match entry.event:
        case "prepared":
            return f"takes part{again}"
        case "start" | "round":
            asked = f"round {entry.round}" if entry.round else "the start"  # a masked start is a round to the ledger
            silent = f", saying nothing: {_because(entry)}" if entry.code or entry.rule else ""
            return f"answered {asked}{silent}{again}"
        case "closed":
            return f"ended: {entry.outcome}{again}"
        case "refused":
            return f"refused: {_because(entry)}{again}"
        case "recovered":
            return "nothing left: a line was cut off by a crash, and is set aside"


def tone(entry: Entry) -> str:
    """How an entry is shown."""
    return {"refused": "bad", "closed": "good", "recovered": "waiting"}.get(entry.event, "going")


def decided(request: Request) -> str:
    """Where a request stands, in words."""
    return request.state(datetime.now(UTC))


def tone_of_request(request: Request) -> str:
    """How a request is shown."""
    if request.ended is not None:
        return "going"
    if request.decision is None or (request.decision.approved and not request.approved(datetime.now(UTC))):
        return "waiting"
    return "good" if request.decision.approved else "bad"


def _because(entry: Entry) -> str:
    """The rule of the policy, and the code."""
    return ", ".join(filter(None, (f"rule {entry.rule}" if entry.rule else "", entry.code.replace("_", " "))))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": moment,
    "second": second,
    "short": short,
    "sentence": sentence,
    "coded": coded,
    "counted": counted,
    "happened": happened,
    "tone": tone,
    "decided": decided,
    "tone_of_request": tone_of_request,
}
"""As templates call them."""
