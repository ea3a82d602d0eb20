"""From numbers to pixels, and the ticks in between. Axes are linear; that of a ratio is linear in its logarithm."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from coordinator.plots.lettering import MINUS, width_of

PADDING = 0.04
"""Of the span, on either side."""
TICK_SIZE, TICK_GAP = 12.0, 10.0
"""Pixels: of a tick's letters, and between two ticks."""
MOST_TICKS = 9
DIGITS = (("1 1.5 2 3 5 7", 1), ("1 2 3 5", 1), ("1 2 5", 1), ("1 3", 1))
"""Ticks in each decade of a logarithmic axis, and every how many decades."""
LARGEST_PLAIN, MOST_ZEROS = 6, 4
"""Powers of ten up to which a tick is written without an exponent."""


@dataclass(frozen=True)
class Scale:
    """The linear map of [low, high] onto the pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a number."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether the number lies on the axis."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in the axis' own numbers, and what is written there."""

    value: float
    label: str


def around(values: Iterable[float], start: float, end: float) -> Scale:
    """A scale that holds all these finite numbers, with some room on either side."""
    numbers = list(values) or [0.0]
    low, high = min(numbers), max(numbers)
    room = (high - low) * PADDING
    least = max(abs(low), abs(high)) * 1e-9  # below it two floats are not told apart on a screen
    room = room if room > least else max(abs(low) / 2.0, least) or 1.0
    return Scale(low - room, high + room, start, end)


def linear_ticks(scale: Scale, size: Callable[[str], float] | None = None) -> list[Tick]:
    """As many round numbers as there is room for."""
    return _fitting((_multiples(scale.low, scale.high, step) for step in _steps(scale.high - scale.low)), scale, size)


def whole_ticks(scale: Scale) -> list[Tick]:
    """As many whole numbers as there is room for."""
    steps = (step for step in _steps(scale.high - scale.low) if step >= 1)
    return _fitting((_multiples(scale.low, scale.high, step) for step in steps), scale, None)


def log_ticks(scale: Scale, size: Callable[[str], float] | None = None) -> list[Tick]:
    """As many round ratios as there is room for, on a scale of natural logarithms."""
    return _fitting(_ratios(scale.low, scale.high), scale, size)


def _fitting(finest_first: Iterator[list[Tick]], scale: Scale, size: Callable[[str], float] | None) -> list[Tick]:
    """The first that has at most MOST_TICKS ticks, none of which runs into the next."""
    extent = size or (lambda label: width_of(label, TICK_SIZE))
    for ticks in finest_first:
        if len(ticks) <= MOST_TICKS and _apart(ticks, scale, extent):
            return ticks
    return []


def _apart(ticks: list[Tick], scale: Scale, extent: Callable[[str], float]) -> bool:
    return all(
        abs(scale.at(right.value) - scale.at(left.value)) >= (extent(left.label) + extent(right.label)) / 2.0 + TICK_GAP
        for left, right in pairwise(ticks)
    )


def _steps(span: float) -> Iterator[Decimal]:
    """1, 2 and 5 times powers of ten, from a tenth of the span on."""
    power = math.floor(math.log10(span)) - 1
    for exponent in range(power, power + 3):
        yield from (Decimal(digit).scaleb(exponent) for digit in (1, 2, 5))


def _multiples(low: float, high: float, step: Decimal) -> list[Tick]:
    first, last = math.ceil(Decimal(low) / step), math.floor(Decimal(high) / step)
    values = [k * step for k in range(first, last + 1)]
    return [Tick(float(value), label) for value, label in zip(values, _alike(values), strict=True)]


def _ratios(low: float, high: float) -> Iterator[list[Tick]]:
    if high - low < math.log(10.0):
        bottom, top = math.exp(low), math.exp(high)
        for step in _steps(top - bottom):
            yield [Tick(math.log(one.value), one.label) for one in _multiples(bottom, top, step) if one.value > 0.0]
    first, last = math.floor(low / math.log(10.0)), math.ceil(high / math.log(10.0))
    for digits, stride in (*DIGITS, *(("1", stride) for stride in (1, 2, 5, 10, 20, 50, 100, 200, 500))):
        if len(digits.split()) * (last - first) > 10 * MOST_TICKS * stride:
            continue
        beginning = first - first % stride
        values = [Decimal(d).scaleb(power) for power in range(beginning, last + 1, stride) for d in digits.split()]
        logs = [(float(value.ln()), value) for value in values]
        yield [Tick(log, _written(value)) for log, value in logs if low <= log <= high]


def _alike(values: Sequence[Decimal]) -> Iterator[str]:
    """Multiples of one step, with the same decimals; each as short as it can be where some need an exponent."""
    plain = all(_is_plain(value) for value in values)
    for value in values:
        yield f"{value:f}".replace("-", MINUS) if plain else _written(value)


def _is_plain(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MOST_ZEROS and value.adjusted() <= LARGEST_PLAIN


def _written(value: Decimal) -> str:
    """A round number, exactly."""
    if not value:
        return "0"
    plain = value.normalize()
    text = f"{plain:f}" if _is_plain(plain) else f"{plain:e}".replace("e+", "e")
    return text.replace("-", MINUS) if text.startswith("-") else text
