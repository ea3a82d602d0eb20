"""How the estimates of the fixed effects hang together: a heat map of their correlations."""

import math
from collections.abc import Sequence

from coordinator.plots.estimates import Result, without_estimates
from coordinator.plots.intervals import MARGIN, WIDEST_LABEL, WIDTH, exact
from coordinator.plots.lettering import shortened, shown, width_of
from coordinator.plots.svg import document, element, text_of, words
from coordinator.plots.wordless import nothing

NAME, TITLE = "correlation", "Correlation of the fixed effects' estimates"
MOST_SHOWN = 60
MOST_NUMBERED = 24
"""Estimates up to which there is room for a number in each cell."""
TOP, KEY = 30.0, 56.0
"""Pixels, above and below the cells."""
DEEPEST = 0.7
"""Opacity of a correlation of 1: on it the letters can still be read."""
KEYS = (-1.0, -0.5, 0.0, 0.5, 1.0)
Correlations = list[list[float | None]]
Place = tuple[float, float, float, float]
"""x, y, width and height."""


def correlation(result: Result) -> str:
    """The correlations of the fixed effects' estimates: blue above 0, orange below, deeper for stronger ones.

    Args:
        result: the canonical result.

    Returns:
        SVG. Each cell is `<g class="row" data-row data-column data-estimate>`; in words, if there is no covariance.
    """
    if (why := without_estimates(result)) is not None:
        return nothing(NAME, TITLE, why)
    names, matrix = result["vcov"]["names"], correlations_of(result["vcov"]["matrix"])
    if len(names) > MOST_SHOWN:
        why = f"{len(names)} estimates are too many for a picture: their covariance is in the result, as `vcov`."
        return nothing(NAME, TITLE, why)
    left = MARGIN + max(width_of(_label(names, k)) for k in range(len(names))) + 14.0
    width, height = _cell_size(len(names), WIDTH - MARGIN - left)
    bottom = TOP + height * len(names)
    body = [words(f"[{k + 1}]", left + (k + 0.5) * width, TOP - 10.0, "tick middle") for k in range(len(names))]
    for k in range(len(names)):
        body.append(words(_label(names, k), MARGIN, TOP + (k + 0.5) * height + 4.5))
        for j in range(k + 1):
            place = (left + j * width, TOP + k * height, width, height)
            value = matrix[k][j]
            numbered = len(names) <= MOST_NUMBERED
            body.append(_cell((names[k], names[j]), value, place, is_itself=k == j, numbered=numbered))
    size = (max(WIDTH, left + width * len(names) + MARGIN), bottom + KEY)
    return document(NAME, TITLE, _in_words(names, matrix), size, *body, _key(left, bottom + 22.0))


def correlations_of(covariance: Sequence[Sequence[float | None]]) -> Correlations:
    """Correlations of a covariance matrix, of the same shape; those that are not known are None."""
    variances = [row[k] for k, row in enumerate(covariance)]
    roots = [math.sqrt(variance) if variance is not None and variance > 0.0 else None for variance in variances]

    def one(k: int, j: int) -> float | None:
        value, left, right = covariance[k][j], roots[k], roots[j]
        if value is None or left is None or right is None:
            return None
        return max(-1.0, min(1.0, value / left / right))

    return [[one(k, j) for j in range(len(roots))] for k in range(len(roots))]


def _cell_size(number: int, room: float) -> tuple[float, float]:
    """Width and height: what there is room for, between what a number needs and what looks well."""
    if number > MOST_NUMBERED:
        return 16.0, 16.0
    return max(36.0, min(72.0, room / number)), 26.0


def _label(names: Sequence[str], k: int) -> str:
    return f"[{k + 1}] {shortened(names[k], WIDEST_LABEL)}"


def _cell(names: tuple[str, str], value: float | None, place: Place, *, is_itself: bool, numbered: bool) -> str:
    x, y, width, height = place
    label = "?" if value is None else shown(value, 2)
    told = f"{names[0]} and {names[1]}: {'not known' if value is None else shown(value, 4)}"
    parts = [
        element("title", text_of(told)),
        _tile(None if is_itself else value, place),
        *([words(label, x + width / 2.0, y + height / 2.0 + 4.0, "tick middle ink")] if numbered else []),
    ]
    estimate = None if value is None else exact(value)
    return element("g", *parts, class_="row", data_row=names[0], data_column=names[1], data_estimate=estimate)


def _tile(value: float | None, place: Place) -> str:
    x, y, width, height = place
    back = element("rect", class_="cell", x=x, y=y, width=width, height=height)
    if value is None:
        return back
    sign = "positive" if value >= 0.0 else "negative"
    opacity = DEEPEST * abs(value)
    return back + element("rect", class_=sign, x=x, y=y, width=width, height=height, fill_opacity=opacity)


def _key(left: float, top: float) -> str:
    """What the colours mean."""
    parts = []
    for k, value in enumerate(KEYS):
        x = left + k * 42.0
        parts += [_tile(value, (x, top, 42.0, 10.0)), words(shown(value, 1), x + 21.0, top + 24.0, "tick middle")]
    return element("g", *parts, class_="key")


def _in_words(names: Sequence[str], matrix: Correlations) -> str:
    pairs = [(value, names[k], names[j]) for k, row in enumerate(matrix) for j, value in enumerate(row[:k]) if value]
    if not pairs:
        return f"Correlations of {len(names)} estimates; none differs from 0."
    value, one, other = max(pairs, key=lambda pair: abs(pair[0]))
    return f"Correlations of {len(names)} estimates. The strongest is that of {one} and {other}: {shown(value, 2)}."
