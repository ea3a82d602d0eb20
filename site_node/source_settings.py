"""The table [source] of site.toml: a database, a query, and where its password is kept."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from shared.errors import SettingsError

if TYPE_CHECKING:
    from site_node.data.database import Query

_SQLITE = "sqlite:///"


class SourceSettings(BaseModel):
    """The table [source]: a database, and the query whose rows are the site's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="a URL of SQLAlchemy's, without a password")
    query: str = Field(description="one SELECT")
    password_file: Path | None = Field(default=None, description="a file with the password, and nothing else")
    password_env: str | None = Field(default=None, description="or the environment variable that holds it")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        from site_node.data.database import Query  # noqa: PLC0415 -- SQLAlchemy: sites with files start sooner without it

        Query.of(self.url, self.query)
        if self.password_file is not None and self.password_env is not None:
            raise ValueError("the password is either in a file or in the environment")
        return self

    def asked(self) -> "Query":
        """The query, with the password.

        Raises:
            SettingsError: the password cannot be had.
        """
        from site_node.data.database import Query  # noqa: PLC0415 -- as above

        return Query.of(self.url, self.query, self._password())

    def _password(self) -> SecretStr | None:
        """The password, if one is set.

        Raises:
            SettingsError: its file cannot be read or is empty, or the variable is not set.
        """
        if self.password_file is not None:
            remedy = "Write the password there that whoever runs the database gave you, mode 0600."
            return SecretStr(secret_in(self.password_file, "password_file", remedy).decode("utf-8", errors="replace"))
        if self.password_env is None:
            return None
        if not os.environ.get(self.password_env):
            raise SettingsError(
                "the environment variable is not set.",
                where=f"password_env ({self.password_env})",
                remedy="Set it for the process that runs this command.",
            )
        return SecretStr(os.environ[self.password_env])


def beside(source: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The table as it was written, with paths that are relative to the folder of its file."""
    url, file = source.get("url"), source.get("password_file")
    if isinstance(url, str) and url.startswith(_SQLITE):
        source = source | {"url": f"{_SQLITE}{folder.absolute() / url.removeprefix(_SQLITE)}"}
    return source | {"password_file": folder / file} if isinstance(file, str) else source


def secret_in(path: Path, setting: str, remedy: str) -> bytes:
    """What a file holds that somebody else should not read, without blanks around it.

    Args:
        path: the file.
        setting: that names it.
        remedy: what to do where it cannot be had.

    Raises:
        SettingsError: it is missing, empty, or cannot be read.
    """
    try:
        content = path.read_bytes().strip()
    except OSError:
        content = b""
    if not content:
        message = "the file is missing, empty, or cannot be read."
        raise SettingsError(message, where=f"{setting} ({path})", remedy=remedy)
    return content
