"""Wald tests and intervals from an estimate and its standard error: what a result has at its own level, at any other."""

import math
from statistics import NormalDist

LARGEST_EXPONENT = 700.0
"""Of a float64's exponential."""
POSITIVE = frozenset({"sd", "sigma", "shape", "size"})
"""Kinds of quantities that are above zero."""
IN_WORDS = (
    "Tests and intervals are Wald's, by the observed information. Intervals of standard deviations and dispersion parameters "
    "are made on the log scale, those of correlations on Fisher's z; those of ratios have the exponentiated limits."
)
"""How `p_value` and `interval` were come by, for readers of a result."""


def p_value(z: float) -> float:
    """Two-sided, of a standard normal statistic."""
    return math.erfc(abs(z) / math.sqrt(2.0))


def normal_quantile(confidence_level: float) -> float:
    """How many standard errors a Wald interval reaches to each side."""
    return NormalDist().inv_cdf(0.5 + confidence_level / 2.0)


def interval(kind: str, value: float, se: float, reach: float) -> tuple[float, float]:
    """A Wald interval that stays where the quantity can be; NaN where there is none.

    Args:
        kind: "cor" goes by Fisher's z; those above zero by the log scale; anything else by its own.
        value: the estimate.
        se: its standard error.
        reach: of `normal_quantile`.
    """
    if kind == "cor":
        z, width = math.atanh(value) if abs(value) < 1.0 else math.nan, reach * se / (1.0 - value * value or math.nan)
        return math.tanh(z - width), math.tanh(z + width)
    if kind not in POSITIVE:
        return value - reach * se, value + reach * se
    if not value > 0.0:
        return math.nan, math.nan
    width = reach * se / value
    return value * math.exp(-width), value * math.exp(width) if width < LARGEST_EXPONENT else math.inf
