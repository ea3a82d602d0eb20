"""coordinator.toml, read once. Paths in it are relative to the file; keys are in files of their own."""

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from shared.dictionary import Dictionary
from shared.errors import DictionaryError, SettingsError
from shared.specification import SiteName


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


Model = TypeVar("Model", bound=BaseModel)
LocalPath = Annotated[Path, AfterValidator(_beside_the_file)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SiteSettings(_Frozen):
    """One site of the consortium."""

    name: SiteName
    url: str = Field(pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$")
    key_file: LocalPath | None = None


class Settings(_Frozen):
    """Everything that is set."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535, description="0: any free port")
    database: Annotated[str, AfterValidator(_database_beside_the_file)] = Field(
        default="sqlite:///coordinator.db", validate_default=True, repr=False
    )
    dictionary: LocalPath
    keys_file: LocalPath | None = Field(default=None, description="analysts' keys, one `name:key` or key a line")
    round_deadline_seconds: float = Field(default=600, gt=0, description="for one answer of one site")
    site_deadline_seconds: float = Field(default=30, ge=0, description="for a site that cannot be reached")
    sites: tuple[SiteSettings, ...] = Field(min_length=1)


def load_settings(path: Path) -> Settings:
    """The settings in a file.

    Raises:
        SettingsError: it cannot be read, a field is missing or wrong, or it listens widely without keys.
    """
    settings = _validated(Settings, path, _toml(path), SettingsError)
    for field, values in (("name", [s.name for s in settings.sites]), ("url", [s.url for s in settings.sites])):
        if len(set(values)) != len(values):
            raise SettingsError(
                f"two sites have the same {field}.", where=f"{path}: sites", remedy="A site counts once."
            )
    if not _is_loopback(settings.host) and settings.keys_file is None:
        raise SettingsError(
            f"{settings.host} can be reached from other machines, and no analysts' keys are set.",
            where=f"{path}: keys_file",
            remedy='Name a file with a key a line, or listen on host = "127.0.0.1".',
        )
    return settings


def load_dictionary(path: Path) -> Dictionary:
    """The consortium's dictionary, in JSON or TOML.

    Raises:
        DictionaryError: its content is not a dictionary.
        SettingsError: it cannot be read.
    """
    if path.suffix == ".toml":
        return _validated(Dictionary, path, _toml(path), DictionaryError)
    try:
        return Dictionary.model_validate_json(_text(path))
    except ValidationError as error:
        raise DictionaryError(_first_fault(error), where=str(path)) from None


def read_key(path: Path) -> SecretStr:
    """The one key in a file.

    Raises:
        SettingsError: it cannot be read or is empty.
    """
    key = _text(path).strip()
    if not key:
        raise SettingsError("the file holds no key.", where=str(path), remedy="Write the site's key into it.")
    return SecretStr(key)


def read_keys(path: Path) -> tuple[SecretStr, ...]:
    """The analysts' keys in a file: a line each, with or without a name before a colon.

    Raises:
        SettingsError: it cannot be read or holds no key.
    """
    lines = [line.strip() for line in _text(path).splitlines()]
    keys = [line.rpartition(":")[2].strip() for line in lines if line and not line.startswith("#")]
    if not keys or not all(keys):
        raise SettingsError("a line holds no key.", where=str(path), remedy="Write `name:key`, a line each.")
    return tuple(SecretStr(key) for key in keys)


def _validated(
    model: type[Model], path: Path, data: dict[str, Any], fault: type[SettingsError | DictionaryError]
) -> Model:
    try:
        return model.model_validate(data, context=path.parent)
    except ValidationError as error:
        raise fault(_first_fault(error), where=str(path)) from None


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}." if field else f"{first['msg']}."


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"it is no TOML: {error}.", where=str(path)) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"the file cannot be read: {reason}.", where=str(path)) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
