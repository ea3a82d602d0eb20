"""What an attack is: what it gets with a defence off, so that it is known to work, what with it on, and what stopped it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import ArrayLike

from shared.masking.encoding import Fixed, decode

NOT_STOPPED = "*not stopped*"
_NOISE = 2.0**40
"""Fractions of 128 random bits are hardly ever smaller; what sites have to say hardly ever is larger."""


@dataclass(frozen=True)
class Got:
    """What an attacker is left with."""

    what: str
    succeeded: bool = False


@dataclass(frozen=True)
class Found:
    """An attack's outcome."""

    off: Got
    on: Got
    rule: str
    """What stopped it, in the site's own words where there was a refusal; or NOT_STOPPED."""

    @property
    def is_sound(self) -> bool:
        """Whether the attack works with the defence off, and with it on as the rule says."""
        return self.off.succeeded and self.on.succeeded == (self.rule == NOT_STOPPED)


@dataclass(frozen=True)
class Attack:
    """An attack on real sites in one process."""

    name: str
    by: str
    """Whom it takes."""
    run: Callable[[Path], Awaitable[Found]]
    """Given an empty folder."""


def attack(name: str, by: str) -> Callable[[Callable[[Path], Awaitable[Found]]], Attack]:
    """Makes an attack of a function of an empty folder."""
    return lambda run: Attack(name, by, run)


def recovered(what: str, found: ArrayLike, truth: ArrayLike, within: float = 1e-9) -> Got:
    """A secret as the attacker has it beside what it is, relative to its largest entry."""
    error, size = np.max(np.abs(np.subtract(found, truth))), max(1.0, float(np.max(np.abs(truth))))
    return Got(f"{what}, to {within:g}", succeeded=True) if error <= within * size else Got("something else")


def noise(masked: Fixed) -> Got:
    """What masks are left in."""
    is_noise = bool(np.median(np.abs(decode(masked))) > _NOISE)
    return Got("noise") if is_noise else Got("numbers without masks", succeeded=True)


REFUSAL = Got("a refusal")
NOTHING = Got("an answer that says nothing, then a refusal")


def stopped(response: httpx.Response) -> str:
    """The rule and the code of a refusal."""
    assert response.status_code in {401, 403, 409, 422}, response.text
    return rule_of(response.json())


def rule_of(problem: Mapping[str, Any] | None) -> str:
    """The same of what a refusal says."""
    assert problem is not None
    assert problem["remedy"]
    return f"{problem['rule']} `{problem['code']}`".strip()
