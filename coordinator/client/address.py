"""A coordinator's address, the key that it is shown and whom to trust there, checked before anything is asked."""

import ssl
from pathlib import Path

import httpx

from shared.errors import SettingsError
from shared.keys import checked_key
from shared.tls import trusting

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


def trusted(ca_file: Path | None) -> ssl.SSLContext | bool:
    """What a certificate has to follow from: an authority's file, or where there is none the public ones.

    Raises:
        SettingsError: the file cannot be read, or holds no certificate.
    """
    return True if ca_file is None else trusting(ca_file)
