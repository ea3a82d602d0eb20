"""What the interval plots show: rows of the result's table, and the axis that they share."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coordinator.plots.scales import Scale, around
from shared.optimisation.outcome import OutcomeKind

Result = Mapping[str, Any]
"""The canonical result (coordinator/result.py), as its JSON is read."""
OUTLYING = 100.0
"""An interval so many times wider than the others and than all estimates' range is cut off, for the others to be seen."""
LARGEST_DRAWN = 1e100


@dataclass(frozen=True)
class Estimate:
    """A row: an estimate and its interval on the link's scale, as far as they are known."""

    label: str
    estimate: float | None
    low: float | None
    high: float | None
    absent: str = "no interval"
    """What stands in the place of an interval that is not known."""

    @classmethod
    def of(cls, row: Mapping[str, Any], label: str, absent: str = "no interval") -> "Estimate":
        """A row of the table `tidy`."""
        return cls(label, row["estimate"], row["conf.low"], row["conf.high"], absent)

    @property
    def width(self) -> float:
        """Of the interval; 0 where there is none."""
        return 0.0 if self.low is None or self.high is None else self.high - self.low

    @property
    def known(self) -> tuple[float, ...]:
        """Its numbers."""
        return tuple(value for value in (self.estimate, self.low, self.high) if value is not None)


def without_estimates(result: Result) -> str | None:
    """Why there is nothing to show; none if there is."""
    convergence = result["convergence"]
    if OutcomeKind(convergence["outcome"]).has_estimates:
        return None
    return f"There are no estimates to show. The analysis ended as {convergence['outcome'].replace('_', ' ')}."


def rows_of(result: Result, effect: str) -> list[Mapping[str, Any]]:
    """The table's rows of a kind: fixed, ran_pars or ran_vals."""
    return [row for row in result["tidy"] if row["effect"] == effect]


def level_of(result: Result) -> str:
    """How intervals are called: 95% CI."""
    return f"{100.0 * result['specification']['confidence_level']:.6g}% CI"


def axis_of(rows: Sequence[Estimate], reference: float | None, start: float, end: float) -> Scale:
    """The scale of all intervals, except for what is so wide that nothing else would be seen."""
    fixed = () if reference is None else (reference,)
    centres = [*fixed, *(row.estimate for row in rows if row.estimate is not None)]
    widths = sorted(row.width for row in rows)
    median = widths[len(widths) // 2] if widths else 0.0
    span = max(_drawable(centres), default=0.0) - min(_drawable(centres), default=0.0)
    limit = OUTLYING * max(median, span)
    inside = [row for row in rows if row.width <= limit or len(rows) == 1]
    return around(_drawable([*fixed, *(value for row in inside for value in row.known)]), start, end)


def ratio(value: float) -> float:
    """exp, or infinity where that is beyond floating-point numbers."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _drawable(values: Iterable[float]) -> list[float]:
    return [value for value in values if abs(value) <= LARGEST_DRAWN]
