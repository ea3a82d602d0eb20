"""What stored values are called on a page, and how numbers and moments are written there. Rounding is for the eye only."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from coordinator.client.moments import minute, second
from coordinator.states import AnalysisState

STATES: Mapping[str, str] = {
    AnalysisState.SUBMITTED: "waits for its turn",
    AnalysisState.PREPARING: "asks the sites whether they take part",
    AnalysisState.RUNNING: "is being fitted",
    AnalysisState.PAUSED: "waits for a site that is missing",
    AnalysisState.AWAITING_APPROVAL: "waits for a person at a site to approve it",
    AnalysisState.CONVERGED: "reached the optimum",
    AnalysisState.BOUNDARY: "reached an optimum at the boundary: a variance is zero, or a dispersion at its limit",
    AnalysisState.SEPARATED: "ended without estimates: a coefficient runs off to infinity",
    AnalysisState.NOT_IDENTIFIED: "ended without estimates: the data do not determine the model",
    AnalysisState.PERFECT_FIT: "ended without estimates: the columns predict the response exactly",
    AnalysisState.NOT_FINITE: "ended without estimates: the log-likelihood is not finite",
    AnalysisState.ROUND_LIMIT: "ended before the optimum: the rounds ran out",
    AnalysisState.REFUSED: "was refused by a site",
    AnalysisState.FAILED: "failed",
    AnalysisState.CANCELLED: "was cancelled",
}
"""Each state as a sentence goes on with it."""
TONES: Mapping[str, str] = {
    AnalysisState.CONVERGED: "good",
    AnalysisState.BOUNDARY: "good",
    **dict.fromkeys((AnalysisState.PAUSED, AnalysisState.AWAITING_APPROVAL), "waiting"),
    **dict.fromkeys((AnalysisState.REFUSED, AnalysisState.FAILED, AnalysisState.CANCELLED), "bad"),
    **dict.fromkeys((AnalysisState.SEPARATED, AnalysisState.NOT_IDENTIFIED, AnalysisState.PERFECT_FIT), "bad"),
    **dict.fromkeys((AnalysisState.NOT_FINITE, AnalysisState.ROUND_LIMIT), "bad"),
}
"""How a state is shown beside its name; going on unless named."""
LABELS: Mapping[str, str] = {"state": "State", "formula": "Formula with", "who": "Who", "since": "From", "until": "to"}
"""What the filters of the list are called beside their fields."""
DASH = "\N{EN DASH}"


def name(state: str) -> str:
    """A state's name as people write it."""
    return state.replace("_", " ")


def tone(state: str) -> str:
    """How a state is shown."""
    return TONES.get(state, "going")


def moment(text: str | None) -> str:
    """A stored moment to the minute, UTC."""
    return DASH if text is None else minute(text)


def significant(value: float | None, digits: int = 4) -> str:
    """A number by its significant digits, with a true minus."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def decimals(value: float | None, places: int = 4) -> str:
    """A number by its decimals, with a true minus; one that they would show as zero by its digits."""
    if value is None or not math.isfinite(value):
        return DASH
    if value != 0.0 and abs(value) < 10.0**-places:
        return significant(value, 2)
    return f"{value:.{places}f}".replace("-", "\N{MINUS SIGN}")


def p_value(value: float | None) -> str:
    """A p-value as R prints it."""
    if value is None:
        return DASH
    return "< 2e-16" if value < 2e-16 else f"{value:.3g}"  # noqa: PLR2004 -- R's own limit


def counted(number: int, noun: str) -> str:
    """`1 site`, `2 sites`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "state_name": name,
    "tone": tone,
    "moment": moment,
    "second": second,
    "significant": significant,
    "decimals": decimals,
    "p_value": p_value,
    "counted": counted,
}
"""As templates call them."""
