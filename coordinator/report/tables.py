"""The tables of a report: numbers as text, rounded to what their standard errors bear."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coordinator.client.estimates import INTERCEPT
from coordinator.client.ratios import ratios_in
from coordinator.plots.estimates import Result, level_of, ratio, rows_of
from coordinator.plots.lettering import decimals_of, shown
from coordinator.plots.random_effects import KINDS, label_of

SMALLEST_P = 2e-16
"""R's own."""
CURVATURE = (
    "The smallest curvature is the least eigenvalue of the observed information, scaled to a unit diagonal: 1 where the data "
    "tell all parameters apart, near 0 where they hardly tell some of them apart."
)
NONE = "\u2013"
"""Stands where there is no number."""


@dataclass(frozen=True)
class Table:
    """Rows of texts below their heads; the first column holds names, the others numbers."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def fixed_effects(result: Result) -> Table:
    """Estimates, standard errors, tests and intervals, and the ratios where there are any: the intercept has none."""
    rows, name = rows_of(result, "fixed"), ratios_in(result)
    level = level_of(result)
    heads = ("Term", "Estimate", "Std. error", "z", "p", level)
    digits = decimals_of([row["std.error"] for row in rows])
    cells = [_tested(row, own) for row, own in zip(rows, digits, strict=True)]
    if name is None:
        return Table(heads, tuple(cells))
    with_ratios = [(*row, written) for row, written in zip(cells, _ratios(rows), strict=True)]
    return Table((*heads, f"{name} [{level}]"), tuple(with_ratios))


def random_part(result: Result) -> Table:
    """Standard deviations, correlations and the dispersion, with their intervals."""
    rows = rows_of(result, "ran_pars")
    digits = decimals_of([row["std.error"] for row in rows])
    cells = [(_parameter(row), *_estimated(row, own)) for row, own in zip(rows, digits, strict=True)]
    return Table(("Parameter", "Estimate", "Std. error", level_of(result)), tuple(cells))


def fit_measures(result: Result) -> Table:
    """Log-likelihood, AIC and the like."""
    glance = result["glance"]
    prefix = "REML " if result["specification"]["reml"] else ""
    cells = [
        (f"{prefix}log-likelihood", number(glance["logLik"], 3)),
        (f"{prefix}deviance", number(glance["deviance"], 3)),
        ("AIC", number(glance["AIC"], 2)),
        ("BIC", number(glance["BIC"], 2)),
        ("Parameters", str(glance["npar"])),
        ("Residual degrees of freedom", f"{glance['df.residual']:,}"),
    ]
    return Table(("Measure", "Value"), tuple(cells))


def trace(result: Result) -> Table:
    """The rounds."""
    rows = result["convergence"]["trace"]
    cells = [
        (
            str(row["round"]),
            number(row["logLik"], 6),
            NONE if row["decrement"] is None else f"{row['decrement']:.1e}",
            "yes" if row["accepted"] else "no",
            number(row["seconds"], 2),
        )
        for row in rows
    ]
    return Table(("Round", "Log-likelihood", "Newton decrement", "Accepted", "Seconds"), tuple(cells))


def diagnostics(result: Result) -> Table:
    """How near the end is to an optimum, and how well determined that is."""
    convergence = result["convergence"]
    names = {
        "decrement": "Newton decrement at the end",
        "relative_gradient": "Largest gradient, in standard errors",
        "smallest_curvature": "Smallest curvature, scaled",
    }
    cells = [(name, _scientific(convergence[key])) for key, name in names.items()]
    path = (convergence["quadrature"] or {}).get("path") or []
    tried = [(f"Change a group at {rung['points']} points", _scientific(rung["change_per_group"])) for rung in path]
    began = ("Sites that began at the default start", _default_starts(convergence))
    return Table(("Diagnostic", "Value"), (*cells, began, *tried))


def roster(result: Result) -> Table:
    """What the sites released of themselves."""
    grouped = sorted({group for row in result["roster"] for group in row["groups"] or {}} - {"site"})
    heads = ("Site", "Rows", "Rows left out", *(f"Groups of {group}" for group in grouped), "Fingerprint of the data")
    cells = [
        (
            row["site"],
            _whole(row["rows"]),
            _whole(row["rows_dropped"]),
            *(_whole((row["groups"] or {}).get(group)) for group in grouped),
            row["fingerprint"] or NONE,
        )
        for row in result["roster"]
    ]
    return Table(heads, tuple(cells))


def number(value: float | None, decimals: int) -> str:
    """A number, or a dash."""
    return NONE if value is None else shown(value, decimals)


def p_value(value: float | None) -> str:
    """As R prints it."""
    if value is None:
        return NONE
    return "< 2e\u221216" if value < SMALLEST_P else f"{value:.3g}".replace("e-", "e\u2212")


def _tested(row: Result, digits: int) -> tuple[str, ...]:
    estimate, error, interval = _estimated(row, digits)
    return row["term"], estimate, error, number(row["statistic"], 2), p_value(row["p.value"]), interval


def _ratios(rows: Sequence[Result]) -> list[str]:
    columns = ("estimate", "conf.low", "conf.high")
    values = [[None if row[name] is None else ratio(row[name]) for name in columns] for row in rows]
    halves = [None if low is None or high is None else (high - low) / 2.0 for _, low, high in values]
    texts = [[number(value, own) for value in three] for three, own in zip(values, decimals_of(halves), strict=True)]
    ratios = [f"{estimate} [{low}, {high}]" for estimate, low, high in texts]
    return [NONE if row["term"] == INTERCEPT else text for row, text in zip(rows, ratios, strict=True)]


def _interval(row: Result, digits: int) -> str:
    if row["conf.low"] is None and row["conf.high"] is None:
        return NONE
    return f"[{number(row['conf.low'], digits)}, {number(row['conf.high'], digits)}]"


def _estimated(row: Result, digits: int) -> tuple[str, str, str]:
    return number(row["estimate"], digits), number(row["std.error"], digits), _interval(row, digits)


def _parameter(row: Result) -> str:
    kind = str(row["term"]).partition("__")[0]
    return f"{KINDS[kind]}, {label_of(row)}" if kind in KINDS else kind.capitalize()


def _scientific(value: float | None) -> str:
    return NONE if value is None else f"{value:.2g}".replace("e-", "e\u2212")


def _default_starts(convergence: Result) -> str:
    """None is fewer than are told; a result of before they were counted has no entry."""
    number = convergence.get("default_starts", NONE)
    return "fewer than 3" if number is None else str(number)


def _whole(value: Any) -> str:
    return NONE if value is None else f"{value:,}"
