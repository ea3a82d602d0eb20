"""The site's log: a JSON object a line, on standard error."""

import sys

import structlog

from shared.logged import plain_only


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
