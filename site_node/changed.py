"""An analysis has one specification and one data set."""

from shared.codes import DATA_CHANGED
from shared.errors import DataError


def other_specification() -> DataError:
    """The fault of another specification under the same id."""
    return DataError(
        "the analysis was prepared with another specification.",
        where="the specification",
        remedy="Start a new analysis for a new specification.",
        code="other_specification",
    )


def data_changed() -> DataError:
    """The fault of other data than the analysis began with."""
    return DataError(
        "the site's data have changed since the analysis began.",
        where="the data",
        remedy="Start a new analysis.",
        code=DATA_CHANGED,
    )
