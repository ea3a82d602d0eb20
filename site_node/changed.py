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


def check_unchanged(began_with: str, fingerprint: str) -> None:
    """Lets data pass that are those an analysis began with.

    Args:
        began_with: the keyed hash of the data then.
        fingerprint: that of the data now.

    Raises:
        DataError: they have changed since.
    """
    if began_with != fingerprint:
        raise DataError(
            "the site's data have changed since the analysis began.",
            where="the data",
            remedy="Start a new analysis.",
            code=DATA_CHANGED,
        )
