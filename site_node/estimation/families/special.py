"""Two functions whose textbook forms cancel: log(1 + x) - x near 0, and what Stirling's formula leaves of log Gamma."""

import math

import numpy as np
from numpy.polynomial.polynomial import polyval
from scipy.special import digamma, gammaln, polygamma

from shared.parameters import Vector

_SMALL, _LARGE = 0.25, 10.0
"""From where on, in |x| and in x, the series is the better form: both are good to a few units of the last place there."""
_ODD = 1.0 / np.arange(3.0, 25.0, 2.0)
_POWERS = 1.0 - 2.0 * np.arange(1.0, 9.0)
_BERNOULLI = np.array([1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400])
"""Of 1/x, 1/x^3, ... in Stirling's series: B_2n / (2n (2n - 1))."""


def log1p_less(x: Vector, log1p_x: Vector) -> Vector:
    """log(1 + x) - x. The caller gives log(1 + x), which it may know better than x does when x is close to -1."""
    small = np.where(np.abs(x) < _SMALL, x, 0.0)
    r = small / (2.0 + small)  # log(1 + x) = 2 artanh r, and 2 r = x - x r
    series = 2.0 * r**3 * polyval(r * r, _ODD) - small * r
    return np.where(np.abs(x) < _SMALL, series, log1p_x - x)


def stirling(x: Vector) -> Vector:
    """delta(x) = log Gamma(x) - (x - 1/2) log x + x - (log 2 pi)/2, about 1/12x."""
    some = np.minimum(x, _LARGE)
    direct = gammaln(some) - (some - 0.5) * np.log(some) + some - 0.5 * math.log(2.0 * math.pi)
    return np.where(x < _LARGE, direct, _series(x, _BERNOULLI))


def stirling_slopes(x: Vector) -> tuple[Vector, Vector]:
    """The first and second derivative of delta in log x."""
    some = np.minimum(x, _LARGE)
    first = some * (digamma(some) - np.log(some))
    second = first + some * (some * polygamma(1, some) - 1.0)
    return (
        np.where(x < _LARGE, first + 0.5, _series(x, _BERNOULLI * _POWERS)),
        np.where(x < _LARGE, second, _series(x, _BERNOULLI * _POWERS**2)),
    )


def _series(x: Vector, coefficients: Vector) -> Vector:
    large = np.maximum(x, _LARGE)
    return np.asarray(polyval(large**-2.0, coefficients) / large)
