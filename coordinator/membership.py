"""What a coordinator takes part with in a consortium: the agreed file and its own signing key."""

from dataclasses import dataclass
from pathlib import Path

from coordinator.settings import Settings
from shared.consortium import Consortium, read_consortium
from shared.dictionary import read_dictionary
from shared.signed import Correspondence
from shared.signing import Identity, read_identity
from shared.specification import sha256_of


@dataclass(frozen=True)
class Membership:
    """The coordinator of a consortium."""

    consortium: Consortium
    identity: Identity
    file: Path
    """Of the consortium, for what is said of it."""

    def with_site(self, site: str) -> Correspondence:
        """What is signed to and by a site.

        Raises:
            ConsortiumError: the file does not name it.
        """
        return Correspondence(self.identity, self.consortium.key_of(site, where=str(self.file)))


def member_of(settings: Settings) -> Membership | None:
    """What the coordinator takes part with, if a consortium file is set.

    Raises:
        ConsortiumError: that file cannot be read, names another key than the coordinator's or another
            dictionary, or does not name one of its sites.
        DictionaryError: the dictionary cannot be read.
        SettingsError: the key cannot be read, or others can read it.
    """
    if settings.consortium is None or settings.identity_file is None:
        return None
    consortium, identity = read_consortium(settings.consortium), read_identity(settings.identity_file)
    consortium.check_coordinator(identity.public_hex, where=str(settings.consortium))
    consortium.check_dictionary(sha256_of(read_dictionary(settings.dictionary)), where=str(settings.dictionary))
    member = Membership(consortium, identity, settings.consortium)
    for site in settings.sites:
        member.with_site(site.name)
    return member
