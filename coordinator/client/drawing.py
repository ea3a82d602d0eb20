"""The plots of a fit on matplotlib's axes. Numbers are those of the result; nothing here is shown or saved."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from coordinator.client import estimates
from coordinator.client.estimates import INTERCEPT, Result, Row, level_of, tidy
from coordinator.client.ratios import ratios_in
from shared.errors import RequestError

ROW_INCHES = 0.3


def forest(result: Result, ax: Axes | None, *, exponentiate: bool, conf_level: float | None) -> Axes:
    """Fixed effects but the intercept, in the order of the table from the top."""
    rows = tidy(result, "fixed", exponentiate=exponentiate, conf_level=conf_level)
    rows = [row for row in rows if row["term"] != INTERCEPT] or rows
    axes = _intervals(rows, [row["term"] for row in rows], ax, none=1.0 if exponentiate else 0.0)
    if exponentiate:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}")
    scale = (ratios_in(result) or "exp(estimate)") if exponentiate else "estimate"
    axes.set_xlabel(f"{scale}, {_percent(result, conf_level)} interval")
    return axes


def caterpillar(result: Result, ax: Axes | None, *, term: str | None, conf_level: float | None) -> Axes:
    """The sites' own effects of one term, the smallest at the foot.

    Raises:
        RequestError: no released effect is of this term.
    """
    rows = tidy(result, "ran_vals", conf_level=conf_level)
    terms = list(dict.fromkeys(row["term"] for row in rows))
    wanted = terms[0] if term is None else term
    if wanted not in terms:
        raise RequestError(f"there is no effect `{wanted}`.", where="term", remedy=f"There are: {', '.join(terms)}.")
    own = sorted((row for row in rows if row["term"] == wanted), key=lambda row: -float(row["estimate"]))
    axes = _intervals(own, [row["level"] for row in own], ax, none=0.0)
    axes.set_xlabel(f"{wanted} of the site, {_percent(result, conf_level)} interval")
    return axes


def convergence(result: Result, ax: Axes | None) -> Axes:
    """The decrement of each round that has one, on a log axis; rounds that were not taken are hollow."""
    axes = ax if ax is not None else _new(8)
    trace = [entry for entry in result["convergence"]["trace"] if entry["decrement"]]
    rounds, decrements = [entry["round"] for entry in trace], [entry["decrement"] for entry in trace]
    axes.plot(rounds, decrements, color="C0")
    faces = ["C0" if entry["accepted"] else "none" for entry in trace]
    axes.scatter(rounds, decrements, edgecolors="C0", facecolors=faces, zorder=3)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("round")
    axes.set_ylabel("Newton decrement")
    return axes


def correlation(result: Result, ax: Axes | None) -> Axes:
    """A heat map from -1 to 1 with the numbers in it."""
    names = result["vcov"]["names"]
    axes = ax if ax is not None else _new(len(names) + 4)
    values = [[_or_nan(estimates.correlation(result, a, b)) for b in range(len(names))] for a in range(len(names))]
    axes.imshow(values, vmin=-1.0, vmax=1.0, cmap="RdBu_r")
    for a, row in enumerate(values):
        for b, value in enumerate(row):
            axes.text(b, a, f"{value:.2f}", ha="center", va="center", color="white" if abs(value) > 0.7 else "black")  # noqa: PLR2004
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    return axes


def _intervals(rows: Sequence[Row], labels: Sequence[str], ax: Axes | None, *, none: float) -> Axes:
    """A point and a line a row, from the top; what has no interval is a point."""
    axes = ax if ax is not None else _new(len(rows))
    places = range(len(rows))
    axes.axvline(none, color="grey", linewidth=0.8, linestyle="--", zorder=0)
    low, high = ([_or_nan(row[name]) for row in rows] for name in ("conf.low", "conf.high"))
    axes.hlines(places, low, high, color="C0")
    axes.scatter([_or_nan(row["estimate"]) for row in rows], places, color="C0", zorder=3)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    return axes


def _new(rows: int) -> Axes:
    """Axes high enough for so many rows."""
    _, axes = plt.subplots(figsize=(6.0, 1.2 + ROW_INCHES * rows), layout="constrained")
    return axes


def _percent(result: Result, conf_level: float | None) -> str:
    return f"{100.0 * (level_of(result) if conf_level is None else conf_level):g}%"


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
