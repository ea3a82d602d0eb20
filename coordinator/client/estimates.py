"""The estimates of a canonical result as broom.mixed has them, at any level and on either scale. Nothing is rounded."""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from coordinator.client.wald import interval, normal_quantile
from shared.errors import RequestError

Row: TypeAlias = dict[str, Any]
Result: TypeAlias = Mapping[str, Any]
"""The canonical result, as docs/protocol.md describes it."""

EFFECTS = ("fixed", "ran_pars", "ran_vals")
"""Fixed effects; standard deviations, correlations and dispersion; the sites' own effects."""
TIDY = (
    *("effect", "group", "level", "term"),
    *("estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high"),
)
"""The columns of broom.mixed's tidy()."""
INTERCEPT = "(Intercept)"
"""Its exponential is no ratio: it is the odds, rate or mean at the reference."""
GLANCE = ("nobs", "npar", "sigma", "logLik", "AIC", "BIC", "deviance", "df.residual")
"""The columns of broom.mixed's glance(), and the number of parameters."""


def tidy(
    result: Result, effect: str | None = None, *, exponentiate: bool = False, conf_level: float | None = None
) -> list[Row]:
    """A row an estimate, in the columns TIDY; None is missing.

    Args:
        result: the canonical result.
        effect: one of EFFECTS; all unless given.
        exponentiate: fixed effects as ratios: estimate and interval exponentiated, the standard error times the ratio
            (delta method), as broom.mixed does. Statistic and p value stay those of the estimate.
        conf_level: of the intervals; the one that was asked for with the analysis unless given.

    Raises:
        RequestError: there is no such effect, or a level is none.
    """
    if effect is not None and effect not in EFFECTS:
        raise RequestError(
            f"there is no effect `{effect}`.", where="effect", remedy=f"It is one of {', '.join(EFFECTS)}."
        )
    rows = [dict(row) for row in result["tidy"] if effect in {None, row["effect"]}]
    if conf_level is not None:
        reach = normal_quantile(checked_level(conf_level))
        rows = [_at_level(row, reach) for row in rows]
    return [_as_ratio(row) if exponentiate and row["effect"] == "fixed" else row for row in rows]


def glance(result: Result) -> Row:
    """One row about the whole fit, in the columns GLANCE."""
    return {name: result["glance"][name] for name in GLANCE}


def level_of(result: Result) -> float:
    """The confidence level that was asked for with the analysis."""
    return float(result["specification"]["confidence_level"])


def checked_level(level: float) -> float:
    """A confidence level.

    Raises:
        RequestError: it is none.
    """
    if not 0.0 < level < 1.0:
        raise RequestError(f"{level:g} is no confidence level.", where="level", remedy="Write a fraction, as 0.95.")
    return level


def kind_of(row: Row) -> str:
    """What a row's estimate is: "coefficient", "sd", "cor", "shape" or "size"; "effect" of a site's own."""
    if row["effect"] != "ran_pars":
        return "coefficient" if row["effect"] == "fixed" else "effect"
    return str(row["term"].partition("__")[0])


def correlation(result: Result, a: int, b: int) -> float | None:
    """Of the estimates of two fixed effects, by their places; None where a variance is missing or none."""
    matrix = result["vcov"]["matrix"]
    covariance, first, second = matrix[a][b], matrix[a][a], matrix[b][b]
    if covariance is None or first is None or second is None or not (first > 0.0 and second > 0.0):
        return None
    return float(covariance / (math.sqrt(first) * math.sqrt(second)))


def _at_level(row: Row, reach: float) -> Row:
    if row["std.error"] is None:
        return row | {"conf.low": None, "conf.high": None}
    low, high = interval(kind_of(row), row["estimate"], row["std.error"], reach)
    return row | {"conf.low": _finite(low), "conf.high": _finite(high)}


def _as_ratio(row: Row) -> Row:
    ratio = _exponential(row["estimate"])
    error = None if ratio is None or row["std.error"] is None else ratio * row["std.error"]
    ends = {name: _exponential(row[name]) for name in ("conf.low", "conf.high")}
    return row | {"estimate": ratio, "std.error": error, **ends}


def _exponential(value: float | None) -> float | None:
    try:
        return None if value is None else math.exp(value)
    except OverflowError:
        return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
