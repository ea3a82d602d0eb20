"""What may stand in a log, at sites and coordinator: no array and no list of numbers, so no number of a site's rows."""

from collections.abc import MutableMapping
from typing import Any

PLAIN = (str, int, float, bool, type(None))


def plain_only(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drops every field that is neither a scalar nor a list of texts: a structlog processor."""
    return {name: value for name, value in event.items() if isinstance(value, PLAIN) or _texts(value)}


def _texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(entry, str) for entry in value)
