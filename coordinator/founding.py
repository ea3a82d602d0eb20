"""A consortium file, put together from the public keys that its sites have told, beside the coordinator's own key."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from coordinator.folder import DICTIONARY, IDENTITY
from shared.consortium import FILE_NAME, Consortium, Party, write
from shared.dictionary import read_dictionary
from shared.errors import SettingsError
from shared.signing import read_identity
from shared.specification import sha256_of
from shared.validation import in_words

_WRITE = "Write NAME=KEY, with the public key that `fedglmm-site init` and `fedglmm-site check` print."


def found(
    folder: Path, name: str, sites: Sequence[str], *, minimum_sites: int = 2, two_sites_consent: bool = False
) -> Consortium:
    """Writes consortium.toml into the coordinator's folder.

    Args:
        folder: the coordinator's, with its signing key and the agreed dictionary.
        name: of the consortium.
        sites: NAME=PUBLICKEY of each.
        minimum_sites: of a roster.
        two_sites_consent: whether a roster of two will do.

    Raises:
        SettingsError: there is such a file already, a site is not written so or twice, a key is none, or the coordinator's
            cannot be read. Then nothing is written.
        DictionaryError: the dictionary cannot be read.
    """
    path = folder / FILE_NAME
    if path.exists():
        raise SettingsError(
            "the file exists.", where=str(path), remedy="Another one is another consortium: move it away."
        )
    try:
        consortium = Consortium(
            name=name,
            dictionary_sha256=sha256_of(read_dictionary(folder / DICTIONARY)),
            minimum_sites=minimum_sites,
            two_sites_consent=two_sites_consent,
            coordinator=Party(public_key=read_identity(folder / IDENTITY).public_hex),
            sites=_parties(sites),
        )
    except ValidationError as error:
        told = in_words(error, Consortium)
        raise SettingsError(told.message, where=told.where, remedy=told.remedy or _WRITE) from None
    write(consortium, path)
    return consortium


def _parties(sites: Sequence[str]) -> dict[str, Party]:
    parties: dict[str, Party] = {}
    for written in sites:
        name, _, key = (part.strip() for part in written.rpartition("="))
        try:
            party = Party(public_key=key)
        except ValidationError as error:
            told = in_words(error, Party)
            raise SettingsError(told.message, where=f"site `{written}`, {told.where}", remedy=_WRITE) from None
        if parties.setdefault(name, party) is not party:
            raise SettingsError("it is given twice.", where=f"site `{name}`", remedy="Name each site once.")
    return parties
