"""The course of a decrement in one line of characters, by its logarithm."""

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(decrements: Sequence[float | None]) -> str:
    """One character a round: the highest for the largest decrement, the lowest for the smallest; a dot for none."""
    logs = [math.log10(value) if value else None for value in decrements]
    known = [value for value in logs if value is not None]
    if not known:
        return "·" * len(logs)
    low, high = min(known), max(known)
    return "".join("·" if value is None else _bar(value, low, high) for value in logs)


def _bar(value: float, low: float, high: float) -> str:
    if high == low:
        return BARS[-1]
    return BARS[round((value - low) / (high - low) * (len(BARS) - 1))]
