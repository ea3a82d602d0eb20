"""Settings of which one says nothing without the other."""

from collections.abc import Mapping
from pathlib import Path

from shared.errors import SettingsError


def check_pair(pair: Mapping[str, Path | None], what: str, *, file: Path, remedy: str) -> None:
    """Lets two settings pass that are both set, or neither.

    Args:
        pair: the two, by name.
        what: they are.
        file: where they stand.
        remedy: what else to say than to set both.

    Raises:
        SettingsError: one of them is set.
    """
    missing = [name for name, value in pair.items() if value is None]
    if len(missing) == 1:
        raise SettingsError(f"{what} belong together.", where=f"{file}: {missing[0]}", remedy=f"Set both; {remedy}")
