"""A coordinator's address and the key that it is shown, checked before anything is asked."""

import httpx

from shared.errors import SettingsError
from shared.keys import checked_key

TIMEOUT = 60.0
SILENCE = 45.0
"""Seconds without a byte after which a stream of events is dead: the coordinator sends a comment every 15."""
OF_STREAMS = httpx.Timeout(TIMEOUT, read=SILENCE)


def checked_url(url: str) -> str:
    """An address without a slash at its end.

    Raises:
        SettingsError: it is none, or goes too far.
    """
    if not url.startswith(("http://", "https://")):
        raise SettingsError("the address is not complete.", where=url, remedy="It begins with http:// or https://.")
    if url.rstrip("/").endswith("/v1"):
        raise SettingsError("the address goes too far.", where=url.rstrip("/"), remedy="Leave off /v1.")
    return url.rstrip("/")


def headers_of(key: str | None) -> dict[str, str]:
    """The headers that show a key; a line end behind it is no part of it.

    Raises:
        SettingsError: it cannot be one.
    """
    if key is None:
        return {}
    shown = checked_key(key.strip(), where="key", exposed=False)
    return {"Authorization": f"Bearer {shown.get_secret_value()}"}
