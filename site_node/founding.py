"""The consortium of a file that was split: everybody's keys are made in one place, as nobody would for data that matter."""

from pathlib import Path

from shared.consortium import FILE_NAME, Consortium, Party, write
from shared.signing import make_identity, read_identity
from shared.specification import sha256_of
from site_node.data.split import Federation
from site_node.folder import IDENTITY

FEWEST = 2
"""Sites: the sum over fewer hides nobody."""
COORDINATOR = "coordinator.identity"


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
