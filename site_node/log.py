"""The site's log: a JSON object a line, on standard error. Nothing array-like is ever written."""

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog


def configure() -> None:
    """Sends the log to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _plain,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _plain(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drops whatever is not a plain value: no array and no list of numbers gets into a log."""
    return {name: value for name, value in event.items() if isinstance(value, str | int | float | None)}
