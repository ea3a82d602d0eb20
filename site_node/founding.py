"""The consortium of a file that was split: everybody's keys are made in one place, as nobody would for data that matter."""

import json
from collections.abc import Mapping
from pathlib import Path

from shared.consortium import FILE_NAME, Consortium, Party, write
from shared.signing import make_identity, read_identity
from shared.specification import sha256_of
from site_node.data.split import Federation
from site_node.folder import IDENTITY
from site_node.release.policy import PolicyName

FEWEST = 2
"""Sites: the sum over fewer hides nobody."""
COORDINATOR = "coordinator.identity"
SETTINGS = "coordinator.toml"
_SETTINGS = """\
# The coordinator of sites that were made of one file. Paths are relative to this one.
# `fedglmm-coordinator serve .` starts it; its page is at http://127.0.0.1:8000.
dictionary = "dictionary.json"
policy = "{policy}"
# port = 8000
{masked}"""
_MASKED = f"""\
consortium = "{FILE_NAME}"
identity_file = "{COORDINATOR}"
"""
_SITE = """
[[sites]]
name = {name}
url = "http://127.0.0.1:{port}"
"""


def write_consortium(out: Path, data: str, federation: Federation) -> None:
    """Writes the consortium file beside the sites' folders, and the coordinator's signing key.

    Args:
        out: the folder that was split into.
        data: the file's name.
        federation: what it was split into.

    Raises:
        SettingsError: a key cannot be written or read.
    """
    sites = {
        share.name: Party(public_key=read_identity(out / share.folder / IDENTITY).public_hex)
        for share in federation.shares
    }
    consortium = Consortium(
        name=f"made of {data}",
        dictionary_sha256=sha256_of(federation.dictionary),
        two_sites_consent=True,
        coordinator=Party(public_key=make_identity(out / COORDINATOR).public_hex),
        sites=sites,
    )
    write(consortium, out / FILE_NAME)


def write_coordinator(out: Path, ports: Mapping[str, int], policy: PolicyName) -> None:
    """Writes a coordinator's settings beside the sites' folders, after the consortium file if there is to be one.

    Args:
        out: the folder that was split into.
        ports: of the sites, by their names, on this machine.
        policy: of the sites.
    """
    masked = _MASKED if (out / FILE_NAME).exists() else ""
    sites = [_SITE.format(name=json.dumps(name), port=port) for name, port in ports.items()]
    (out / SETTINGS).write_text("".join([_SETTINGS.format(policy=policy, masked=masked), *sites]), encoding="utf-8")
