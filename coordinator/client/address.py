"""A coordinator's address, the key that it is shown and whom to trust there, checked before anything is asked.

httpx is loaded with the first address: it takes as long as all else of the package, and who has a `Fit` does without.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from coordinator.client.faults import lost
from shared.errors import SettingsError
from shared.keys import checked_key
from shared.tls import trusting

if TYPE_CHECKING:
    import httpx

COMPLETE = "Write it as http://127.0.0.1:8000 or https://NAME."
TIMEOUT = 60.0
SILENCE = 45.0
"""Seconds without a byte after which a stream of events is dead: the coordinator sends a comment every 15."""
OF_STREAMS = (TIMEOUT, SILENCE, TIMEOUT, TIMEOUT)
"""To connect, to read, to write, and to get a connection."""


@dataclass(frozen=True)
class Address:
    """A coordinator's, with what it takes to speak with it."""

    url: str
    """Without a slash at its end."""
    headers: Mapping[str, str] = field(repr=False)
    """They show the key."""
    verify: ssl.SSLContext | bool
    """What its certificate has to follow from."""

    @classmethod
    def of(cls, url: str, key: str | None, ca_file: Path | None) -> Self:
        """A checked one; the arguments are a Coordinator's.

        Raises:
            SettingsError: the address is none, the key cannot be one, or the authority's file cannot be read.
        """
        return cls(checked_url(url), headers_of(key), trusted(ca_file))

    def client(self) -> "httpx.Client":
        """What asks it and waits."""
        import httpx  # noqa: PLC0415 -- see above

        return httpx.Client(**self._settings)

    def async_client(self) -> "httpx.AsyncClient":
        """What asks it and is awaited."""
        import httpx  # noqa: PLC0415 -- see above

        return httpx.AsyncClient(**self._settings)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Around a request and the reading of its answer.

        Raises:
            FedglmmError: there was no answer, or it broke off.
        """
        import httpx  # noqa: PLC0415 -- see above

        try:
            yield
        except httpx.HTTPError as error:
            raise lost(error, self.url) from None

    @property
    def _settings(self) -> dict[str, Any]:
        return {"base_url": f"{self.url}/v1", "headers": self.headers, "timeout": TIMEOUT, "verify": self.verify}


def checked_url(url: str) -> str:
    """An address without a slash at its end.

    Raises:
        SettingsError: it is none, or goes too far.
    """
    if not url.startswith(("http://", "https://")):
        raise SettingsError("the address is not complete.", where=url, remedy="It begins with http:// or https://.")
    if url.rstrip("/").endswith("/v1"):
        raise SettingsError("the address goes too far.", where=url.rstrip("/"), remedy="Leave off /v1.")
    if not _names_a_host(url):
        raise SettingsError("the address names no host, or no port that can be.", where=url, remedy=COMPLETE)
    return url.rstrip("/")


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, or brackets that are not closed
        return False


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
