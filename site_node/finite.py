"""Computations that leave floating point's range end in a known fault."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from pydantic import ValidationError

from shared.errors import DataError


@contextmanager
def in_range() -> Iterator[None]:
    """Turns numbers that no computer can go on with into a fault of the data or the model.

    Raises:
        DataError: a matrix cannot be inverted, a number overflows, or a reply would hold one that is not finite.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except (np.linalg.LinAlgError, OverflowError, ValidationError):
        raise DataError(
            "the numbers leave floating point's range.",
            where="the data and the model's columns",
            remedy="Rescale the variables: none should be very large or very small.",
            code="not_finite",
        ) from None
