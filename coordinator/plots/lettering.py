"""How wide a text will be, and numbers and names as a plot shows them."""

import math
from collections.abc import Sequence
from itertools import accumulate
from unicodedata import east_asian_width

SIZE = 13.0
"""Pixels, of the font of labels and numbers."""
MINUS, ELLIPSIS = "\u2212", "\u2026"
LARGEST_WRITTEN, MOST_DECIMALS = 1e6, 6
"""Numbers beyond these are written with an exponent."""
_ASCII = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556,
    556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
"""Thousandths of the size, from the space on: Adobe's metrics of Helvetica, which Arial and Liberation Sans share."""
_OTHER, _WIDE = 700, 1050


def width_of(text: str, size: float = SIZE) -> float:
    """About how wide the text is, in pixels; rather too wide for letters that are not ASCII."""
    return sum(_thousandths(letter) for letter in text) * size / 1000.0


def shortened(text: str, width: float, size: float = SIZE) -> str:
    """The text, or as much of its beginning and end as there is room for."""
    if width_of(text, size) <= width:
        return text
    half = (width - width_of(ELLIPSIS, size)) / 2.0
    return _beginning(text, half, size).rstrip() + ELLIPSIS + _beginning(text[::-1], half, size)[::-1].lstrip()


def decimals_of(half_widths: Sequence[float | None]) -> list[int]:
    """Decimals that show each number to two digits of its half interval; the same for all where two more do not hurt."""
    own = [_decimals(width) for width in half_widths]
    known = [number for number in own if number is not None]
    most = max(known, default=3)
    together = most - min(known, default=most) <= 2  # noqa: PLR2004 -- more would be noise
    return [most if number is None or together else number for number in own]


def shown(value: float, decimals: int) -> str:
    """A number with a real minus sign; with an exponent where decimals would not do."""
    if math.isinf(value):
        return "\u221e" if value > 0 else f"{MINUS}\u221e"
    fine = abs(value) < LARGEST_WRITTEN and decimals <= MOST_DECIMALS
    text = f"{value:.{decimals}f}" if fine else f"{value:.2e}"
    if float(text) == 0.0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def _decimals(half_width: float | None) -> int | None:
    if half_width is None or not math.isfinite(half_width) or half_width <= 0.0:
        return None
    return max(0, 1 - math.floor(math.log10(half_width)))


def _beginning(text: str, width: float, size: float) -> str:
    reached = accumulate(width_of(letter, size) for letter in text)
    return text[: sum(so_far <= width for so_far in reached)]


def _thousandths(letter: str) -> int:
    code = ord(letter) - ord(" ")
    if 0 <= code < len(_ASCII):
        return _ASCII[code]
    return _WIDE if east_asian_width(letter) in "WF" else _OTHER
