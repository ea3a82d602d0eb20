"""The public keys by which an issuer's tokens are checked: a JSON Web Key Set (RFC 7517), from a file or fetched when needed."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import structlog
from joserfc import jwk
from joserfc.errors import JoseError

from coordinator.access.roles import COORDINATOR
from shared.errors import AccessError, SettingsError
from shared.unreachable import why

LOG = structlog.get_logger(__name__)
VALID_SECONDS = 3600.0
"""How long keys are used before they are loaded again: the issuer may have withdrawn one."""
PAUSE_SECONDS = 10.0
"""The least between two loads, however many tokens name unknown keys."""
FETCH_SECONDS = 5.0
LARGEST_SET = 2**20
"""Bytes."""
_PUBLIC = frozenset({"RSA", "EC", "OKP"})
"""Kinds of keys with a public half: one that is a shared secret, `oct`, checks nothing."""

Load = Callable[[], Awaitable[bytes]]
"""Reads a key set; raises OSError or httpx.HTTPError."""


class IssuerKeys:
    """An issuer's keys, loaded at the first token and again for an unknown key id.

    Args:
        load: reads the key set.
        clock: seconds.
    """

    def __init__(self, load: Load, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._keys: Mapping[str | None, jwk.Key] = {}
        self._tried = self._loaded = float("-inf")
        self._loading = asyncio.Lock()

    async def find(self, kid: str | None) -> jwk.Key | None:
        """The key of an id, or the only key where a token names none.

        Raises:
            AccessError: the keys are needed, and cannot be had.
        """
        if not self._knows(kid):
            async with self._loading:
                if not self._knows(kid) and self._clock() - self._tried >= PAUSE_SECONDS:
                    await self._load_again()
        if not self._is_fresh:
            raise _unavailable()
        return self._keys.get(kid)

    @property
    def _is_fresh(self) -> bool:
        return self._clock() - self._loaded < VALID_SECONDS

    def _knows(self, kid: str | None) -> bool:
        return self._is_fresh and kid in self._keys

    async def _load_again(self) -> None:
        self._tried = self._clock()
        try:
            self._keys = key_set(await self._load())
        except (OSError, httpx.HTTPError, ValueError) as error:
            reason = why(error) if isinstance(error, httpx.HTTPError) else type(error).__name__
            LOG.warning("issuer_keys_unavailable", reason=reason)
            raise _unavailable() from None
        self._loaded = self._clock()


def key_set(text: bytes) -> dict[str | None, jwk.Key]:
    """The keys of a set by their ids; under none the only one there is. What is no public key for signatures is left out.

    Raises:
        ValueError: it is no key set, or has no such key.
    """
    found = json.loads(text)
    entries = found.get("keys") if isinstance(found, dict) else None
    keys = [key for entry in (entries if isinstance(entries, list) else ()) if (key := _public_key(entry)) is not None]
    if not keys:
        raise ValueError("it is no JSON Web Key Set with a public key for signatures")
    by_id: dict[str | None, jwk.Key] = {key.kid: key for key in keys if key.kid is not None}
    return by_id | ({None: keys[0]} if len(keys) == 1 else {})


def _public_key(entry: Any) -> jwk.Key | None:
    if not isinstance(entry, dict) or entry.get("kty") not in _PUBLIC or entry.get("use", "sig") != "sig":
        return None
    try:
        return jwk.import_key(entry)
    except (JoseError, TypeError, ValueError):  # RFC 7517, section 5: what is not understood is left out
        return None


def read_from(path: Path) -> Load:
    """Reads a key set from a file.

    Raises:
        SettingsError: there is none in it now.
    """
    try:
        key_set(path.read_bytes())
    except (OSError, ValueError):
        remedy = "Save there what the issuer publishes at its jwks_uri."
        raise SettingsError("it is no key set that can be read.", where=f"jwks_file ({path})", remedy=remedy) from None

    async def load() -> bytes:
        """The file as it is now: it may be replaced."""
        return await asyncio.to_thread(path.read_bytes)

    return load


def fetch_from(url: str, transport: httpx.AsyncBaseTransport | None = None) -> Load:
    """Fetches a key set; redirects are not followed, and no more than a limit is read."""

    async def load() -> bytes:
        """What the issuer publishes now."""
        async with (
            asyncio.timeout(FETCH_SECONDS),
            httpx.AsyncClient(transport=transport, trust_env=False, timeout=FETCH_SECONDS) as http,
            http.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"it answers {response.status_code}")
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST_SET:
                    raise ValueError("it is too large")
            return body

    return load


def _unavailable() -> AccessError:
    remedy = "Try again; the coordinator's log says why it cannot have them."
    return AccessError("the keys of the tokens' issuer cannot be had.", where=COORDINATOR, remedy=remedy)
