"""How the optimiser came to its end: the Newton decrement and the log-likelihood, round by round."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coordinator.plots.intervals import MARGIN, WIDTH, exact
from coordinator.plots.lettering import shown
from coordinator.plots.scales import TICK_SIZE, Scale, Tick, around, linear_ticks, log_ticks, whole_ticks
from coordinator.plots.svg import document, element, text_of, words
from coordinator.plots.wordless import nothing

NAME, TITLE = "convergence", "Convergence"
LEFT = 104.0
HEIGHT, HEAD, FOOT = 230.0, 34.0, 46.0
"""Pixels: of a panel, above its plot, below it."""
Rounds = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Measure:
    """A number of each round."""

    name: str
    column: str
    """In the trace."""
    place: Callable[[float], float | None]
    """Where it is on the axis; none if that has no place for it."""
    ticks: Callable[[Scale, Callable[[str], float]], list[Tick]]


def _logarithm(value: float) -> float | None:
    return math.log(value) if value > 0.0 else None


MEASURES = (
    Measure("Newton decrement, logarithmic scale", "decrement", _logarithm, log_ticks),
    Measure("Log-likelihood", "logLik", float, linear_ticks),
)


def convergence(trace: Rounds) -> str:
    """The decrement on a logarithmic axis and the log-likelihood below it, by round.

    Args:
        trace: the rounds as the result has them in `convergence.trace`.

    Returns:
        SVG. Each mark is `<g class="row" data-measure data-round data-estimate>`; a step that was not taken is hollow, and a
        decrement of 0 stands on the axis as an arrow. In words, if there are no rounds.
    """
    if not trace:
        return nothing(NAME, TITLE, "There are no rounds to show.")
    rounds = around([row["round"] for row in trace], LEFT, WIDTH - 2.0 * MARGIN)
    body = [_panel(measure, trace, rounds, k * HEIGHT) for k, measure in enumerate(MEASURES)]
    return document(NAME, TITLE, _in_words(trace), (WIDTH, HEIGHT * len(MEASURES)), *body)


def _panel(measure: Measure, trace: Rounds, rounds: Scale, top: float) -> str:
    known = [(row, row[measure.column]) for row in trace if row[measure.column] is not None]
    bottom = top + HEIGHT - FOOT
    placed = [place for _, value in known if (place := measure.place(value)) is not None]
    scale = around(placed, bottom, top + HEAD)
    parts = [words(measure.name, MARGIN, top + 20.0, "head"), *_axes(measure, scale, rounds, bottom)]
    points, marks = [], []
    for row, value in known:
        place = measure.place(value)
        x, y = rounds.at(row["round"]), bottom if place is None else scale.at(place)
        points.append(f"{x:.2f},{y:.2f}")
        marks.append(_mark(measure, row, (x, y), is_beyond=place is None))
    return element("g", *parts, element("polyline", class_="trace", points=" ".join(points)), *marks)


def _mark(measure: Measure, row: Mapping[str, Any], place: tuple[float, float], *, is_beyond: bool) -> str:
    x, y = place
    told = f"Round {row['round']}: {shown(row[measure.column], 6)}{'' if row['accepted'] else ', not accepted'}"
    mark = element("circle", class_="estimate" if row["accepted"] else "rejected", cx=x, cy=y, r=4.0)
    if is_beyond:
        mark = element("path", class_="beyond", d=f"M{x:.2f} {y:.2f} l-4 -7 h8 Z")
    attributes = {"data_measure": measure.column, "data_round": str(row["round"])}
    title = element("title", text_of(told))
    return element("g", title, mark, class_="row", data_estimate=exact(row[measure.column]), **attributes)


def _axes(measure: Measure, scale: Scale, rounds: Scale, bottom: float) -> list[str]:
    """Grid lines across, whole rounds along."""
    parts = []
    for tick in measure.ticks(scale, lambda _label: TICK_SIZE):
        y = scale.at(tick.value)
        line = element("line", class_="grid", x1=rounds.start, x2=rounds.end, y1=y, y2=y)
        label = words(tick.label, LEFT - 10.0, y + 4.0, "tick end")
        parts.append(element("g", line, label, data_tick=exact(tick.value)))
    for tick in whole_ticks(rounds):
        x = rounds.at(tick.value)
        line = element("line", class_="axis", x1=x, x2=x, y1=bottom, y2=bottom + 5.0)
        label = words(tick.label, x, bottom + 19.0, "tick middle")
        parts.append(element("g", line, label, data_tick=exact(tick.value)))
    parts.append(element("line", class_="axis", x1=rounds.start, x2=rounds.end, y1=bottom, y2=bottom))
    parts.append(words("Round", (rounds.start + rounds.end) / 2.0, bottom + 36.0, "axis-name middle"))
    return parts


def _in_words(trace: Rounds) -> str:
    last = trace[-1]
    decrement = "not known" if last["decrement"] is None else f"{last['decrement']:.1e}"
    likelihood = "not known" if last["logLik"] is None else shown(last["logLik"], 4)
    rounds = "1 round" if len(trace) == 1 else f"{len(trace)} rounds"
    return f"{rounds}; the last has a Newton decrement of {decrement} and a log-likelihood of {likelihood}."
