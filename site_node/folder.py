"""A site's folder as it is first written: a commented site.toml and the secret of its fingerprint."""

import json
from dataclasses import dataclass
from pathlib import Path

from shared.consortium import FILE_NAME as CONSORTIUM
from shared.errors import SettingsError
from shared.keys import make_secret
from shared.signing import make_identity
from site_node.release.policy import PolicyName
from site_node.settings import FILE_NAME, HISTORY_NAME, LEDGER_NAME, settings_in

IDENTITY = "identity"
_TEMPLATE = """\
# A site of a fedglmm federation. Paths are relative to this file.
# `fedglmm-site check .` says whether all is well; `fedglmm-site serve .` puts the site online.

# What the other sites and the analyst call this site.
name = {name}

# The rows: CSV (UTF-8, separated by commas, with a header) or Parquet, or a query on a database: [source], at the end. They
# never leave.
{data}

# The consortium's variables: the same file, to the byte's meaning, at every site and at the coordinator.
dictionary = {dictionary}

# "default" refuses what could tell of single people; "open" lets everything pass and is for public data.
policy = {policy}

# "person": before any row is read somebody approves each analysis, with `fedglmm-site approvals`. "automatic": the policy alone.
# approval = "person"

# Where the site listens. 127.0.0.1: this machine only. Port 0: any that is free.
host = {host}
port = {port}

# A file with the key that the coordinator must show. Needed as soon as host is not 127.0.0.1.
{key_file}

# A certificate and its key, PEM: with them the site speaks https itself. Without, put a proxy with TLS in front of it.
# tls_certificate = "tls.pem"
# tls_key = "tls.key"

# Grows by a line for everything that leaves: `fedglmm-site ledger show .`. Nothing leaves where the server cannot write it.
ledger = {ledger}

# Random bytes that key the fingerprint of the data, so that nobody can guess the data from it.
secret_file = "secret"

# What was released: analyses, rounds and, under keyed hashes, of which rows. The server writes it; keep it.
history = {history}

# The agreed file with everybody's public keys, and this site's own signing key: with them nobody sees the site's numbers, but
# only sums over all sites. `fedglmm-site init` makes the key; whoever sets up the consortium needs its public half.
{consortium}
{identity_file}
{source}"""
_SOURCE = """
# The database with the rows, and the SELECT that gives them. Its user needs no more than to read them. The password stands in a
# file of its own, mode 0600, or in an environment variable.
[source]
url = {url}
query = {query}
{password_file}
{password_env}
"""


@dataclass(frozen=True)
class Database:
    """A query whose rows are a site's."""

    url: str
    query: str
    password_file: str | None = None
    password_env: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewSite:
    """What a site.toml says when it is first written; paths are relative to it."""

    name: str
    data: str | Database
    """The path of a file, or a query."""
    dictionary: str
    policy: PolicyName = "default"
    host: str = "127.0.0.1"
    port: int = 0
    key_file: str | None = None
    consortium: str | None = None
    ledger: str = LEDGER_NAME
    history: str = HISTORY_NAME

    @property
    def written(self) -> str:
        """The text of its site.toml."""
        # a JSON string is a TOML string
        return _TEMPLATE.format(
            name=json.dumps(self.name),
            data=_setting("data", self.data if isinstance(self.data, str) else None, "rows.csv"),
            source=_source(self.data) if isinstance(self.data, Database) else "",
            dictionary=json.dumps(self.dictionary),
            policy=json.dumps(self.policy),
            host=json.dumps(self.host),
            port=self.port,
            ledger=json.dumps(self.ledger),
            history=json.dumps(self.history),
            key_file=_setting("key_file", self.key_file, "key"),
            consortium=_setting("consortium", self.consortium, CONSORTIUM),
            identity_file=f'{"# " if self.consortium is None else ""}identity_file = "{IDENTITY}"',
        )


def write_site(folder: Path, site: NewSite) -> None:
    """Writes site.toml, and the secret file and the signing key unless they are there.

    Raises:
        SettingsError: there is a site.toml already, or a setting is wrong. Then nothing is written.
    """
    settings = folder / FILE_NAME
    if settings.exists():
        raise SettingsError("the file exists.", where=str(settings), remedy="Edit it, or remove it first.")
    written = site.written
    settings_in(written, settings)
    _make(folder)
    settings.write_text(written, encoding="utf-8")
    make_secret(folder / "secret")
    make_identity(folder / IDENTITY)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"the folder cannot be made: {error.strerror}.",
            where=str(folder),
            remedy="Name a folder, or a place for one.",
        ) from error


def _source(database: Database) -> str:
    return _SOURCE.format(
        url=json.dumps(database.url),
        query=json.dumps(database.query, ensure_ascii=False),
        password_file=_setting("password_file", database.password_file, "database-password"),
        password_env=_setting("password_env", database.password_env, "FEDGLMM_DATABASE_PASSWORD"),
    )


def _setting(name: str, value: str | None, example: str) -> str:
    """A line of the file; a comment that shows how it would be written if there is no value."""
    return f"{'# ' if value is None else ''}{name} = {json.dumps(value or example)}"
