"""Analysts' keys: 256 random bits each, of which the keys file holds the hash.

Nobody finds 256 random bits by trying, so a plain SHA-256 is as good as a slow or salted hash, and is taken at every request.
It would not do for what people make up: only texts of the form of a made key are looked up at all.
"""

import hmac
import re
import secrets
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import compress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from coordinator.access.roles import COORDINATOR, Caller, Role
from coordinator.keys import check_mode
from coordinator.settings import entry_named, text_of
from shared.errors import CredentialsError, SettingsError
from shared.validation import in_words

MAKE_ONE = "Make a key with `fedglmm-coordinator keys add NAME --role run`."
NEW_ONE = "Ask an administrator of the coordinator for a new key (`fedglmm-coordinator keys add`)."
_RANDOM_BYTES = 32
_MADE = re.compile(r"[0-9a-f]{64}")

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""It holds no colon: no token's subject, `oidc:...`, is the name of a key."""


class Key(BaseModel):
    """What the keys file says of one key. Days are UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: KeyName = Field(description="whose it is; somebody may have several")
    role: Role
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(repr=False)
    created: date
    expires: date | None = Field(default=None, description="the first day on which it is not valid any more")
    revoked: date | None = Field(default=None, description="since when; it is not valid, whatever the day")

    def state(self, today: date) -> Literal["valid", "expired", "revoked"]:
        """Whether it opens anything."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= today else "valid"


class _KeysFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: tuple[Key, ...] = ()


def made() -> str:
    """A new key."""
    return secrets.token_hex(_RANDOM_BYTES)


def is_made(shown: str) -> bool:
    """Whether a text has the form of a key, as no token has."""
    return _MADE.fullmatch(shown) is not None


def hashed(key: str) -> str:
    """What the keys file holds of a key."""
    return sha256(key.encode()).hexdigest()


def today() -> date:
    """This day, UTC."""
    return datetime.now(UTC).date()


def keys_in(text: str, path: Path) -> tuple[Key, ...]:
    """The keys in a file's text; there may be none.

    Raises:
        SettingsError: it is no TOML, a field is missing or wrong, or a key is there twice; without quoting a hash.
    """
    try:
        fields = tomllib.loads(text)
        keys = _KeysFile.model_validate(fields).keys
    except tomllib.TOMLDecodeError:  # its text could quote what stands there
        raise SettingsError("it is no TOML.", where=str(path), remedy=MAKE_ONE) from None
    except ValidationError as error:
        told = in_words(error, _KeysFile)
        told = told._replace(where=entry_named(told.where, fields, "keys", "key"))
        raise SettingsError(told.message, where=told.where_in(path), remedy=told.remedy or MAKE_ONE) from None
    hashes = [key.sha256 for key in keys]
    twice = [key.name for key in keys if hashes.count(key.sha256) > 1]
    if twice:
        remedy = "Take one of them out, and make a key for each."
        raise SettingsError("the same key is there twice.", where=f"{path}: keys of {', '.join(twice)}", remedy=remedy)
    return keys


def read_keys(path: Path, *, exposed: bool = False) -> tuple[Key, ...]:
    """The keys in a file.

    Args:
        path: the file.
        exposed: whether other machines can reach what the keys open.

    Raises:
        SettingsError: as `keys_in`; it cannot be read, holds no key, or others can read it.
    """
    check_mode(path, exposed=exposed)
    keys = keys_in(text_of(path), path)
    if not keys:
        raise SettingsError("the file holds no key.", where=str(path), remedy=MAKE_ONE)
    return keys


def caller_of(keys: Sequence[Key], shown: str, day: date) -> Caller:
    """Whoever has a key.

    Args:
        keys: those of the file.
        shown: what the request shows as a key.
        day: today.

    Raises:
        CredentialsError: it is none of them, has expired or was revoked; without quoting it.
    """
    digest = hashed(shown)
    same = [hmac.compare_digest(digest, key.sha256) for key in keys]  # all of them: the time tells nothing
    key = next(compress(keys, same), None)
    if key is None or not is_made(shown):
        raise CredentialsError("nobody is known by this key.", where=COORDINATOR, remedy=NEW_ONE)
    if key.state(day) != "valid":
        happened = f"was revoked on {key.revoked}" if key.revoked else f"expired on {key.expires}"
        raise CredentialsError(f"the key {happened}.", where=COORDINATOR, remedy=NEW_ONE)
    return Caller(key.name, key.role)
