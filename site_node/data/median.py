"""The median of a long column in a few passes over it, exactly."""

import numpy as np

from shared.parameters import Vector

_SAMPLE = 1024
_BAND = 64
"""Half the ranks of the sample within which the median is looked for: four of its standard deviations."""


def upper_median(values: Vector) -> float:
    """The entry n // 2 of the n sorted values, none of which is NaN.

    A sample guesses a low and a high value with few values between them. It is proved by counting that the median is one of
    the two, or lies between, and then only those in between are looked at; else all are.
    """
    half = len(values) // 2
    sample = np.sort(values[:: len(values) // _SAMPLE or 1])
    low = sample[max(len(sample) // 2 - _BAND, 0)]
    high = sample[min(len(sample) // 2 + _BAND, len(sample) - 1)]
    up_to_low, below_high = np.count_nonzero(values <= low), np.count_nonzero(values < high)
    if up_to_low <= half < below_high:
        between = values[(values > low) & (values < high)]
        return float(np.partition(between, half - up_to_low)[half - up_to_low])
    if np.count_nonzero(values < low) <= half < up_to_low:
        return float(low)
    if below_high <= half < np.count_nonzero(values <= high):
        return float(high)
    return float(np.partition(values, half)[half])
