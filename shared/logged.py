"""The log of a site and of the coordinator: a JSON object a line, on standard error.

No array and no list of numbers stands in it, so no number of a site's rows.
"""

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

PLAIN = (str, int, float, bool, type(None))


def configure() -> None:
    """Sends the log to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            plain_only,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def plain_only(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drops every field that is neither a scalar nor a list of texts: a structlog processor."""
    return {name: value for name, value in event.items() if isinstance(value, PLAIN) or _texts(value)}


def _texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(entry, str) for entry in value)
