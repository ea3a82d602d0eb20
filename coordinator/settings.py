"""coordinator.toml, read once. Paths in it are relative to the file; keys are in files of their own."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from shared.errors import SettingsError
from shared.listening import is_loopback
from shared.pairs import check_pair
from shared.request import SiteName
from shared.tls import check_both_or_neither
from shared.validation import in_words

FILE_NAME = "coordinator.toml"
_MAKE = f"Name a {FILE_NAME} or its folder; `fedglmm-coordinator init FOLDER` makes one."

_NAME = TypeAdapter[str](SiteName)
_URL = re.compile(r"https?://[^\s/@]+(/[^\s@]*)?")


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    return Path(info.context or ".") / path.expanduser()


def _database_beside_the_file(database: str, info: ValidationInfo) -> str:
    try:
        url = make_url(database)
    except ArgumentError:
        raise ValueError("a database is a URL such as sqlite:///coordinator.db") from None
    if url.get_backend_name() == "sqlite" and url.database:
        url = url.set(database=str(Path(info.context or ".") / url.database))
    return url.render_as_string(hide_password=False)


def _site_name(name: str) -> str:
    try:
        return _NAME.validate_python(name)
    except ValidationError:
        raise ValueError(
            "a site's name begins with a letter or a digit, and has up to 120 letters, digits, blanks and . _ ( ) & + ' -"
        ) from None


def _site_url(url: str) -> str:
    if not _URL.fullmatch(url):
        raise ValueError("a site's url begins with http:// or https://, and has neither blanks nor a user in it")
    return url


def _safe_url(url: str) -> str:
    """Whoever answers in the issuer's place lets in whom he likes, so the answer must be the issuer's."""
    local = is_loopback(urlsplit(url).hostname or "")
    if not _URL.fullmatch(url) or not (url.startswith("https://") or local):
        raise ValueError("a jwks_url begins with https://, and has neither blanks nor a user in it")
    return url


LocalPath = Annotated[Path, AfterValidator(_beside_the_file)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SiteSettings(_Frozen):
    """One site of the consortium."""

    name: Annotated[str, AfterValidator(_site_name)] = Field(description="as its own site.toml has it")
    url: Annotated[str, AfterValidator(_site_url)] = Field(description="where it listens")
    key_file: LocalPath | None = Field(default=None, description="the key that it asks for")

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(urlsplit(self.url).hostname or "")


class OidcSettings(_Frozen):
    """An issuer whose tokens let people in, as OpenID Connect calls it."""

    issuer: str = Field(min_length=1, description="`iss` of its tokens")
    audience: str = Field(min_length=1, description="`aud` of tokens that are for this coordinator")
    jwks_file: LocalPath | None = Field(default=None, description="its public keys")
    jwks_url: Annotated[str, AfterValidator(_safe_url)] | None = Field(default=None, description="or where it has them")
    role_claim: str = Field(default="role", min_length=1, description="the claim that says read, run or administer")

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("the issuer's keys are in a jwks_file or at a jwks_url: one of the two is needed")
        return self


class Settings(_Frozen):
    """Everything that is set."""

    host: str = Field(default="127.0.0.1", description="where it listens; beyond loopback people need keys")
    port: int = Field(default=8000, ge=0, le=65535, description="0: any free port")
    database: Annotated[str, AfterValidator(_database_beside_the_file)] = Field(
        default="sqlite:///coordinator.db", validate_default=True, repr=False, description="an SQLAlchemy URL"
    )
    dictionary: LocalPath = Field(description="the agreed one, the same as at every site")
    policy: Literal["default", "open"] = Field(default="default", description="of the sites: which models they take")
    tls_certificate: LocalPath | None = Field(default=None, description="PEM: with it the coordinator speaks https")
    tls_key: LocalPath | None = Field(default=None, description="the certificate's private key, PEM")
    ca_file: LocalPath | None = Field(
        default=None, description="PEM: the authorities of the sites' certificates, in the place of public ones"
    )
    keys_file: LocalPath | None = Field(default=None, description="analysts' keys, by their hashes")
    oidc: OidcSettings | None = Field(default=None, description="an issuer whose tokens let people in")
    consortium: LocalPath | None = Field(default=None, description="the agreed file: with it sites answer under masks")
    identity_file: LocalPath | None = Field(default=None, description="the coordinator's signing key")
    round_deadline_seconds: float = Field(default=600, gt=0, description="for one answer of one site")
    site_deadline_seconds: float = Field(default=30, ge=0, description="for a site that cannot be reached")
    approval_deadline_seconds: float = Field(
        default=86400.0, ge=0, description="for a person at a site who has to approve"
    )
    running_at_once: int = Field(default=4, ge=1, description="analyses; the others wait")
    awaiting_at_once: int = Field(default=100, ge=0, description="analyses that wait for a person, beside those")
    wire_file: LocalPath | None = Field(default=None, description="all that crosses to and from the sites, to be read")
    sites: tuple[SiteSettings, ...] = Field(min_length=1, description="one or more")


def load_settings(path: Path) -> Settings:
    """The settings in a file, or in the coordinator.toml of a folder.

    Raises:
        SettingsError: it cannot be read, a field is missing or wrong, or it listens widely without keys.
    """
    file = path / FILE_NAME if path.is_dir() else path
    return settings_in(text_of(file, remedy=_MAKE), file)


def settings_in(text: str, path: Path) -> Settings:
    """The settings in a file's text, whether it is written already or not.

    Raises:
        SettingsError: as `load_settings`.
    """
    try:
        fields = tomllib.loads(text)
        settings = Settings.model_validate(fields, context=path.parent)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"it is no TOML: {error}.", where=str(path)) from None
    except ValidationError as error:
        told = in_words(error, Settings)
        told = told._replace(where=entry_named(told.where, fields, "sites", "site"))
        raise SettingsError(told.message, where=told.where_in(path), remedy=told.remedy) from None
    for field, values in (("name", [s.name for s in settings.sites]), ("url", [s.url for s in settings.sites])):
        if len(set(values)) != len(values):
            raise SettingsError(
                f"two sites have the same {field}.", where=f"{path}: sites", remedy="A site counts once."
            )
    signing = {"consortium": settings.consortium, "identity_file": settings.identity_file}
    remedy = "`fedglmm-coordinator init` makes a key."
    check_pair(signing, "a consortium file and a signing key", file=path, remedy=remedy)
    check_both_or_neither(settings.tls_certificate, settings.tls_key, path)
    if not is_loopback(settings.host) and settings.keys_file is None and settings.oidc is None:
        raise SettingsError(
            f"{settings.host} can be reached from other machines, and neither analysts' keys nor an issuer are set.",
            where=f"{path}: keys_file",
            remedy='Set keys_file, and make a key with `fedglmm-coordinator keys add`; or listen on host = "127.0.0.1".',
        )
    return settings


def entry_named(where: str, fields: Mapping[str, Any], table: str, kind: str) -> str:
    """A place in an array of tables, such as `sites.1.url`, by the entry's name.

    Args:
        where: the place as pydantic says it; another one stays.
        fields: what the file holds.
        table: the array's name.
        kind: what one entry is called.
    """
    found = re.fullmatch(rf"{table}\.(\d+)(?:\.(.*))?", where)
    if found is None:
        return where
    place, field = int(found[1]), f", {found[2]}" if found[2] else ""
    entry = fields[table][place]
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"{kind} `{name}`{field}" if name else f"{kind} {place + 1} in the file's order{field}"


def text_of(path: Path, *, remedy: str = "") -> str:
    """The text in a file.

    Args:
        path: the file.
        remedy: what to do if there is none.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"the file cannot be read: {reason}.", where=str(path), remedy=remedy) from None
