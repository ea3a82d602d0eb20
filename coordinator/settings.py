"""coordinator.toml, read once. Paths in it are relative to the file; keys are in files of their own."""

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from shared.dictionary import Dictionary
from shared.errors import DictionaryError, FedglmmError, SettingsError
from shared.specification import SiteName
from shared.validation import in_words


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

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(urlsplit(self.url).hostname or "")


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
    running_at_once: int = Field(default=4, ge=1, description="analyses; the others wait")
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
    if not is_loopback(settings.host) and settings.keys_file is None:
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
        return Dictionary.model_validate_json(text_of(path))
    except ValidationError as error:
        raise _told(error, Dictionary, path, DictionaryError) from None


def _validated(model: type[Model], path: Path, data: dict[str, Any], fault: type[FedglmmError]) -> Model:
    try:
        return model.model_validate(data, context=path.parent)
    except ValidationError as error:
        raise _told(error, model, path, fault) from None


def _told(error: ValidationError, model: type[BaseModel], path: Path, fault: type[FedglmmError]) -> FedglmmError:
    told = in_words(error, model)
    return fault(told.message, where=told.where_in(path), remedy=told.remedy)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text_of(path))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"it is no TOML: {error}.", where=str(path)) from None


def text_of(path: Path) -> str:
    """The text in a file.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"the file cannot be read: {reason}.", where=str(path)) from None


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
