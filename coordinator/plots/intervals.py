"""Estimates with intervals, one under the other: labels, the plot, and the numbers in a column, as journals print them."""

from collections.abc import Mapping
from dataclasses import dataclass

from coordinator.plots.estimates import Estimate, axis_of, ratio
from coordinator.plots.lettering import decimals_of, shortened, shown, width_of
from coordinator.plots.scales import Scale, Tick, linear_ticks, log_ticks
from coordinator.plots.svg import element, text_of, words

WIDTH = 760.0
"""Pixels, of every plot with intervals."""
MARGIN, GAP, BETWEEN, OVER = 16.0, 18.0, 8.0, 6.0
"""Pixels: at the edges, around the plot, between the two columns of numbers, of a stripe and the rule beyond the letters."""
BOLDER = 1.08
"""How much wider than other letters bold ones are."""
PITCH, HEAD, FOOT = 24.0, 30.0, 50.0
"""Pixels: from row to row, above the first, below the last."""
WIDEST_LABEL = 250.0
MOST_LABELLED = 60
"""Rows up to which each has its label and its numbers beside it."""
COMPACT_HEIGHT, LEAST_PITCH = 720.0, 3.0
MOST_DESCRIBED = 40
"""Rows up to which a description says every number."""


@dataclass(frozen=True)
class Panel:
    """Estimates that share an axis."""

    heading: str
    """Of the labels."""
    quantity: str
    """What the numbers are: the name of the axis."""
    level: str
    """What the intervals are."""
    rows: tuple[Estimate, ...]
    reference: float | None = 0.0
    """Where nothing is: a dashed line."""
    axis_name: str = ""
    """Of the axis, where that is to say more than `quantity`."""
    is_ratio: bool = False
    """Whether numbers are shown exponentiated, on a logarithmic axis."""

    @property
    def labelled(self) -> bool:
        """Whether there is room for labels and numbers."""
        return len(self.rows) <= MOST_LABELLED

    @property
    def pitch(self) -> float:
        """Pixels from row to row."""
        return PITCH if self.labelled else max(LEAST_PITCH, COMPACT_HEIGHT / len(self.rows))

    @property
    def height(self) -> float:
        """Pixels."""
        return HEAD + self.pitch * len(self.rows) + FOOT

    def in_its_scale(self, value: float) -> float:
        """The number as it is shown."""
        return ratio(value) if self.is_ratio else value

    def in_words(self) -> str:
        """Every number, or how many there are."""
        if len(self.rows) > MOST_DESCRIBED:
            return f"{len(self.rows)} estimates of the {self.quantity} with their {self.level}."
        lines = zip(self.rows, numbers(self), strict=True)
        return " ".join(f"{row.label}: {' '.join(both).strip()}." for row, both in lines)


def numbers(panel: Panel) -> list[tuple[str, str]]:
    """Each row's estimate, and its interval, as text."""
    shows = panel.in_its_scale
    halves = [None if not row.width else (shows(row.high or 0.0) - shows(row.low or 0.0)) / 2.0 for row in panel.rows]
    return [_number(panel, row, digits) for row, digits in zip(panel.rows, decimals_of(halves), strict=True)]


def drawn(panel: Panel, top: float) -> str:
    """The panel, as elements, below the pixel `top`."""
    texts = numbers(panel) if panel.labelled else []
    left = MARGIN + (_widest([panel.heading, *(row.label for row in panel.rows)]) if panel.labelled else 0.0) + GAP
    middle, last = _widths(panel, texts)
    right = WIDTH - MARGIN - (middle + BETWEEN + last + GAP if panel.labelled else 0.0)
    scale = axis_of(panel.rows, panel.reference, left, right)
    first, bottom = top + HEAD, top + HEAD + panel.pitch * len(panel.rows)
    body = [_axis(panel, scale, first, bottom), words(panel.heading, MARGIN, top + 18.0, "head")]
    if panel.labelled:
        body.append(words(_head(panel), WIDTH - MARGIN, top + 18.0, "head end"))
    for k, row in enumerate(panel.rows):
        y = first + (k + 0.5) * panel.pitch
        written = _written(row, texts[k], y, last) if panel.labelled else []
        if panel.labelled and k % 2 == 0:
            body.insert(0, _stripe(y))
        body.append(_row(panel, row, scale, y, written))
    return element("g", *body, class_=None if panel.labelled else "fine")


def _row(panel: Panel, row: Estimate, scale: Scale, y: float, written: list[str]) -> str:
    estimate, low, high = (
        None if value is None else exact(panel.in_its_scale(value)) for value in (row.estimate, row.low, row.high)
    )
    interval = f"{panel.level} " if row.width else ""
    told = " ".join(_number(panel, row, 4)).strip()
    attributes: Mapping[str, str | None] = {
        "data_label": row.label,
        "data_estimate": estimate,
        "data_low": low,
        "data_high": high,
    }
    title = element("title", text_of(f"{row.label}: {interval}{told}"))
    return element("g", title, *_mark(row, scale, y, panel.pitch), *written, class_="row", **attributes)


def _mark(row: Estimate, scale: Scale, y: float, pitch: float) -> list[str]:
    """The interval as a line, with an arrow where it goes on beyond the axis, and the estimate as a square."""
    marks = []
    if row.low is not None and row.high is not None:
        ends = [scale.at(min(max(value, scale.low), scale.high)) for value in (row.low, row.high)]
        marks.append(element("line", class_="interval", x1=ends[0], x2=ends[1], y1=y, y2=y))
        marks += [_arrow(scale.start, y, -1)] if row.low < scale.low else []
        marks += [_arrow(scale.end, y, 1)] if row.high > scale.high else []
    if row.estimate is not None and scale.holds(row.estimate):
        side = min(8.0, max(2.0, pitch - 1.0))
        x = scale.at(row.estimate) - side / 2.0
        marks.append(element("rect", class_="estimate", x=x, y=y - side / 2.0, width=side, height=side))
    return marks


def exact(value: float) -> str:
    """The shortest text that is this number to Python, JavaScript and R's JSON alike."""
    return repr(value).replace("inf", "Infinity")


def _arrow(x: float, y: float, direction: int) -> str:
    back = x - direction * 7.0
    return element("path", class_="beyond", d=f"M{x:.2f} {y:.2f} L{back:.2f} {y - 4:.2f} L{back:.2f} {y + 4:.2f} Z")


def _axis(panel: Panel, scale: Scale, first: float, bottom: float) -> str:
    ticks = log_ticks(scale) if panel.is_ratio else linear_ticks(scale)
    name = f"{panel.quantity}, logarithmic scale" if panel.is_ratio else panel.axis_name or panel.quantity
    parts = [_tick(tick, scale, bottom) for tick in ticks]
    if panel.reference is not None:
        x = scale.at(panel.reference)
        parts.append(element("line", class_="reference", x1=x, x2=x, y1=first, y2=bottom))
    parts.append(element("line", class_="axis", x1=scale.start, x2=scale.end, y1=bottom, y2=bottom))
    parts.append(
        element("line", class_="rule", x1=MARGIN - OVER, x2=WIDTH - MARGIN + OVER, y1=first - 2.0, y2=first - 2.0)
    )
    parts.append(words(name, (scale.start + scale.end) / 2.0, bottom + 38.0, "axis-name middle"))
    return element("g", *parts)


def _tick(tick: Tick, scale: Scale, bottom: float) -> str:
    x = scale.at(tick.value)
    line = element("line", class_="axis", x1=x, x2=x, y1=bottom, y2=bottom + 5.0)
    return element("g", line, words(tick.label, x, bottom + 19.0, "tick middle"), data_tick=exact(tick.value))


def _written(row: Estimate, texts: tuple[str, str], y: float, last: float) -> list[str]:
    """The label at the left, the numbers at the right."""
    baseline, (estimate, interval) = y + 4.5, texts
    return [
        words(shortened(row.label, WIDEST_LABEL), MARGIN, baseline),
        words(estimate, WIDTH - MARGIN - last - BETWEEN, baseline, "end"),
        words(interval, WIDTH - MARGIN, baseline, "end"),
    ]


def _head(panel: Panel) -> str:
    """What stands above the numbers."""
    return f"{panel.quantity} [{panel.level}]"


def _stripe(y: float) -> str:
    x, width = MARGIN - OVER, WIDTH - 2.0 * (MARGIN - OVER)
    return element("rect", class_="stripe", x=x, y=y - PITCH / 2.0, width=width, height=PITCH)


def _widest(texts: list[str]) -> float:
    return min(WIDEST_LABEL, max(width_of(text) for text in texts) * 1.03)


def _widths(panel: Panel, texts: list[tuple[str, str]]) -> tuple[float, float]:
    """Of the two columns of numbers, together at least as wide as what stands above them."""
    middle = max((width_of(estimate) for estimate, _ in texts), default=0.0)
    last = max((width_of(interval) for _, interval in texts), default=0.0)
    return max(middle, width_of(_head(panel)) * BOLDER - last - BETWEEN), last


def _number(panel: Panel, row: Estimate, decimals: int) -> tuple[str, str]:
    if row.estimate is None:
        return "", "not estimable"
    estimate = shown(panel.in_its_scale(row.estimate), decimals)
    if row.low is None or row.high is None:
        return estimate, f"[{row.absent}]"
    low, high = (shown(panel.in_its_scale(bound), decimals) for bound in (row.low, row.high))
    return estimate, f"[{low}, {high}]"
