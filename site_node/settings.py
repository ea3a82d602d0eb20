"""A site's settings: site.toml, the dictionary beside it, and the two files that hold secrets."""

import secrets
import shlex
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretBytes, SecretStr, ValidationError

from shared.consortium import Consortium, read_consortium
from shared.dictionary import read_dictionary
from shared.errors import SettingsError
from shared.keys import checked_key
from shared.listening import is_loopback
from shared.pairs import check_pair
from shared.request import SiteName
from shared.signing import Identity, read_identity
from shared.specification import sha256_of
from shared.tls import check_both_or_neither
from shared.validation import in_words
from site_node.data.opening import Place
from site_node.release.exchange import Member
from site_node.release.kept import Kept
from site_node.release.policy import PolicyName
from site_node.source_settings import SourceSettings, beside, secret_in

FILE_NAME = "site.toml"
KEPT_NAME = "masked.db"
"""Beside the signing key: what the site keeps of masked analyses."""
LEDGER_NAME = "ledger.jsonl"
HISTORY_NAME = "history.db"
APPROVALS_NAME = "approvals.db"

_SECRET_BYTES = 32


class SiteSettings(BaseModel):
    """What site.toml says. Paths in it are relative to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: SiteName = Field(description="what the other sites and analysts call it")
    data: Path | None = Field(default=None, description="a file with the rows; or else `source`")
    dictionary: Path = Field(description="the agreed one, the same at every site")
    policy: PolicyName = Field(default="default", description="open lets everything pass: for public data")
    host: str = Field(default="127.0.0.1", description="where it listens; beyond loopback it needs `key_file`")
    port: int = Field(default=0, ge=0, le=65535, description="0: any that is free")
    tls_certificate: Path | None = Field(default=None, description="PEM: with it the site speaks https")
    tls_key: Path | None = Field(default=None, description="the certificate's private key, PEM")
    key_file: Path | None = Field(default=None, description="the bearer key that the coordinator must show")
    ledger: Path = Field(default=Path(LEDGER_NAME), description="a line for each reply that left; it only grows")
    secret_file: Path | None = Field(default=None, description="bytes that key the fingerprint of the data")
    consortium: Path | None = Field(default=None, description="the agreed file: with it the site answers under masks")
    identity_file: Path | None = Field(default=None, description="the site's signing key")
    shares_own: bool = Field(
        default=False, description="under masks: whether results may show the site's own counts and its own effect"
    )
    history: Path | None = Field(default=None, description="where it is written down what was released")
    approval: Literal["automatic", "person"] = Field(default="automatic", description="of each analysis")
    approvals: Path = Field(default=Path(APPROVALS_NAME), description="where it is written down what a person decided")
    specifications_per_window: int = Field(default=50, ge=1, description="new ones, of the same data")
    window_days: int = Field(default=30, ge=1, description="of that budget")
    source: SourceSettings | None = Field(default=None, description="a database with the rows")

    def rows(self) -> Place:
        """Where the rows are.

        Raises:
            SettingsError: the database's password cannot be had.
        """
        return self.data or Path() if self.source is None else self.source.asked()

    def bearer_key(self) -> SecretStr | None:
        """The key that the coordinator must show, if one is set.

        Raises:
            SettingsError: its file cannot be read, or holds no key that can be used.
        """
        if self.key_file is None:
            return None
        remedy = "Write the key there that the coordinator has for this site: whoever runs it hands it over."
        key = secret_in(self.key_file, "key_file", remedy).decode("utf-8", errors="replace").strip()
        return checked_key(key, where=f"key_file ({self.key_file})", exposed=not is_loopback(self.host))

    def agreed(self) -> tuple[Consortium, Identity] | None:
        """The consortium file and the site's key, if they are set.

        Raises:
            ConsortiumError: that file cannot be read, or names another key than the site's or another dictionary.
            DictionaryError: the dictionary cannot be read.
            SettingsError: the key cannot be read, or others can read it.
        """
        if self.consortium is None or self.identity_file is None:
            return None
        consortium, identity = read_consortium(self.consortium), read_identity(self.identity_file)
        consortium.check_member(self.name, identity.public_hex, where=str(self.consortium))
        consortium.check_dictionary(sha256_of(read_dictionary(self.dictionary)), where=str(self.dictionary))
        return consortium, identity

    def member(self) -> Member | None:
        """What the site takes part with under masks, if a consortium file is set.

        Raises:
            ConsortiumError, DictionaryError, SettingsError: as `agreed`.
            StoreError: the file of what the site keeps cannot be opened.
        """
        agreed = self.agreed()
        if agreed is None or self.identity_file is None:
            return None
        consortium, identity = agreed
        return Member(self.name, identity, consortium, Kept(self.identity_file.with_name(KEPT_NAME)))

    def fingerprint_secret(self) -> SecretBytes:
        """The bytes that key the fingerprint: those of `secret_file`, else random ones for this process.

        Raises:
            SettingsError: its file cannot be read or is empty.
        """
        if self.secret_file is None:
            return SecretBytes(secrets.token_bytes(_SECRET_BYTES))
        made = f"`openssl rand -hex 32 > {shlex.quote(str(self.secret_file))}`"
        remedy = f"Put the old one back; or make a new one, {made}: analyses under way then end as refused."
        return SecretBytes(secret_in(self.secret_file, "secret_file", remedy))


def load_settings(folder: Path) -> SiteSettings:
    """Reads site.toml, given itself or its folder.

    Raises:
        SettingsError: it is not there, is no TOML, a setting is wrong, or it would listen to others without a key.
    """
    path = folder / FILE_NAME if folder.is_dir() else folder
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError("there is no such file.", where=str(path), remedy=_instead(folder)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error, path) from None
    return settings_in(text, path)


def _instead(folder: Path) -> str:
    """What to do where a folder is no site's; `fedglmm-site split` makes one of many sites."""
    if any(folder.glob(f"*/{FILE_NAME}")):
        return f"Name the folder of a site in {folder}; to serve all of them, {folder / '*'}/."
    return "Run `fedglmm-site init` to write one."


def settings_in(text: str, path: Path) -> SiteSettings:
    """The settings in a file's text, whether it is written already or not.

    Raises:
        SettingsError: as `load_settings`.
    """
    try:
        settings = SiteSettings.model_validate(_absolute({"history": HISTORY_NAME} | tomllib.loads(text), path.parent))
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(error, path) from None
    except ValidationError as error:
        told = in_words(error, SiteSettings)
        remedy = told.remedy or "Mend the setting."
        raise SettingsError(told.message, where=told.where_in(path), remedy=remedy) from None
    if (settings.data is None) == (settings.source is None):
        raise SettingsError(
            "the field `data` is missing."
            if settings.data is None
            else "the rows are either in a file or in a database.",
            where=f"{path}: data",
            remedy="Set `data` to a CSV or Parquet file, or write a table [source], and not both.",
        )
    signing = {"consortium": settings.consortium, "identity_file": settings.identity_file}
    remedy = "`fedglmm-site init` makes a key."
    check_pair(signing, "a consortium file and a signing key", file=path, remedy=remedy)
    check_both_or_neither(settings.tls_certificate, settings.tls_key, path)
    if settings.key_file is None and not is_loopback(settings.host):
        raise SettingsError(
            "a site that others can reach needs a key.",
            where=f"{path}: key_file",
            remedy="Set key_file to a file with the coordinator's key, or host to 127.0.0.1.",
        )
    return settings


def _unreadable(error: Exception, path: Path) -> SettingsError:
    return SettingsError(f"it cannot be read: {error}.", where=str(path), remedy="Mend the file.")


def _absolute(written: dict[str, Any], folder: Path) -> dict[str, Any]:
    paths = {
        "data",
        "dictionary",
        "tls_certificate",
        "tls_key",
        "key_file",
        "secret_file",
        "consortium",
        "identity_file",
        "ledger",
        "history",
        "approvals",
    }
    written = {"ledger": LEDGER_NAME, "approvals": APPROVALS_NAME} | written
    if isinstance(written.get("source"), dict):
        written["source"] = beside(written["source"], folder)
    return {
        name: folder / value if name in paths and isinstance(value, str) else value for name, value in written.items()
    }
