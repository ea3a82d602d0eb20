"""A coordinator's folder as it is first written: a commented coordinator.toml, and the keys that are not there yet."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from coordinator.access.keys import today
from coordinator.access.keys_file import add_key
from coordinator.access.roles import Role
from coordinator.settings import FILE_NAME, SiteSettings, settings_in
from shared.errors import SettingsError
from shared.keys import make_secret
from shared.signing import make_identity
from shared.validation import in_words

KEYS_FILE = "keys.toml"
DICTIONARY, IDENTITY = "dictionary.json", "identity"
ADMINISTRATOR = "administrator"
"""The name of the first key."""
DATABASE = "sqlite:///coordinator.db"
_TEMPLATE = """\
# The coordinator of a fedglmm federation. Paths are relative to this file.

# Where it listens. 127.0.0.1: this machine only. Port 0: any that is free.
host = {host}
port = {port}

# The consortium's variables: the same file, to the byte's meaning, at every site.
dictionary = "dictionary.json"

# The sites' policy. "default" refuses models that hold free constants when they are submitted; "open" is for public data.
policy = "default"

# What was asked for and summed. After a restart unfinished analyses go on from it.
database = {database}

# Who may use it, by hashes of their keys: `fedglmm-coordinator keys add NAME --role run`, `keys list`, `keys revoke NAME`.
keys_file = {keys_file}

# A certificate and its key, PEM: with them the coordinator speaks https itself. And whose certificates of sites are taken, if
# they are not of public authorities.
# tls_certificate = "tls.pem"
# tls_key = "tls.key"
# ca_file = "ca.pem"

# The agreed file with everybody's public keys, and this coordinator's own signing key: with them sites answer under masks,
# and all messages are signed. `fedglmm-coordinator found` puts the file together.
# consortium = "consortium.toml"
# identity_file = "identity"

# Tokens of an issuer of OpenID Connect, beside the keys or instead of them. Needs the extra `oidc`; docs/operations.md says more.
# [oidc]
# issuer = "https://login.example.org"
# audience = "fedglmm"
# jwks_url = "https://login.example.org/jwks.json"
# role_claim = "role"
"""
_SITE = """
[[sites]]
name = {name}
url = {url}
key_file = {key_file}
"""


def site_of(written: str) -> SiteSettings:
    """A site as NAME=URL says it.

    Raises:
        SettingsError: it is not written so, or is no name or no URL.
    """
    name, _, url = written.partition("=")
    try:
        return SiteSettings(name=name.strip(), url=url.strip())
    except ValidationError as error:
        told = in_words(error, SiteSettings)
        remedy = "Write NAME=URL, such as 'Bern=https://fedglmm.bern.example'."
        raise SettingsError(told.message, where=f"site `{written}`, {told.where}", remedy=remedy) from None


def write_coordinator(
    folder: Path, sites: Sequence[SiteSettings], *, host: str, port: int, database: str, keys: Path
) -> str | None:
    """Writes coordinator.toml, and unless they are there a random key for each site, a signing key and a keys file.

    Args:
        folder: the coordinator's folder.
        sites: their names and URLs.
        host: where it listens.
        port: its port; 0: any that is free.
        database: its URL.
        keys: the folder of the keys, relative to the coordinator's.

    Returns:
        The first administrator's key, which is kept nowhere; none if there was a keys file.

    Raises:
        SettingsError: there is a coordinator.toml already, a setting is wrong, or two sites cannot be told apart. Then nothing
            is written.
    """
    path = folder / FILE_NAME
    if path.exists():
        raise SettingsError("the file exists.", where=str(path), remedy="Edit it, or remove it first.")
    key_files = [keys / key_name(site.name) for site in sites]
    for what, values in (("key file", [file.name for file in key_files]), ("url", [s.url for s in sites])):
        if len({value.lower() for value in values}) != len(values):
            raise SettingsError(f"two would have the same {what}.", where="sites", remedy="Change a name or a URL.")
    texts = {"host": host, "database": database, "keys_file": str(keys / KEYS_FILE)}
    written = _TEMPLATE.format(port=port, **{name: json.dumps(text) for name, text in texts.items()})
    for site, file in zip(sites, key_files, strict=True):  # a JSON string is a TOML string
        texts = {"name": site.name, "url": site.url, "key_file": str(file)}
        written += _SITE.format(**{name: json.dumps(text) for name, text in texts.items()})
    settings_in(written, path)
    for made in (folder, folder / keys):
        made.mkdir(parents=True, exist_ok=True)
    for file in key_files:
        make_secret(folder / file)
    make_identity(folder / IDENTITY)
    path.write_text(written, encoding="utf-8")
    people = folder / keys / KEYS_FILE
    return None if people.exists() else add_key(people, ADMINISTRATOR, Role.ADMINISTER, today=today())


def key_name(site: str) -> str:
    """The name of the file with a site's key."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", site).strip("-.") + ".key"
