"""Moments as people read them. Stored they are UTC, as ISO 8601."""

from datetime import datetime


def minute(text: str) -> str:
    """To the minute, UTC."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")


def second(text: str) -> str:
    """To the second, UTC."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S")
