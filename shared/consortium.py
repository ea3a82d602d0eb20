"""The consortium file: who takes part and by which keys, agreed by people before anything is computed.

    name = "Beta-blockers"
    dictionary_sha256 = "b5b3fafc..."
    minimum_sites = 2
    two_sites_consent = false

    [coordinator]
    public_key = "4cca9835..."

    [sites.North]
    public_key = "9a1be60c..."

Its hash is compared out of band, by telephone, at every site: whoever hands out the file could have put keys of their own in.
"""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError, WithJsonSchema, field_validator, model_validator

from shared.errors import ConsortiumError
from shared.request import Frozen, SiteName
from shared.specification import sha256_of
from shared.validation import in_words

FILE_NAME = "consortium.toml"
_GROUP, _ALOUD = 4, 40
_DIGITS = 64
_ASK = "Ask the consortium for the agreed file."


def _of_32_bytes(text: str) -> str:
    if len(text) != _DIGITS or set(text) - set("0123456789abcdef"):
        raise ValueError(f"{_DIGITS} hexadecimal digits in lower case are needed")
    return text


Hex32 = Annotated[str, AfterValidator(_of_32_bytes), WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{64}$"})]
"""A hash or a public key."""


class Party(Frozen):
    """A site or the coordinator."""

    public_key: Hex32 = Field(description="Ed25519")


class Consortium(Frozen):
    """What people agreed on."""

    name: str = Field(min_length=1, max_length=200)
    dictionary_sha256: Hex32
    minimum_sites: int = Field(default=2, ge=2, description="of a roster: fewer have no sum that hides one")
    two_sites_consent: bool = Field(
        default=False, description="whether a roster of two will do, where each learns the other's sums"
    )
    coordinator: Party
    sites: dict[SiteName, Party] = Field(min_length=1)

    @field_validator("sites")
    @classmethod
    def _in_order(cls, sites: dict[str, Party]) -> dict[str, Party]:
        """By name: the order in the file changes no hash."""
        return dict(sorted(sites.items()))

    @model_validator(mode="after")
    def _keys_differ(self) -> "Consortium":
        owners = {self.coordinator.public_key: "coordinator"}
        for name, site in self.sites.items():
            owner = owners.setdefault(site.public_key, f"sites.{name}")
            if owner != f"sites.{name}":
                raise ValueError(f"`sites.{name}.public_key` is that of `{owner}` too; each needs its own")
        return self

    @property
    def sha256(self) -> str:
        """The hash that sites and coordinator compare."""
        return sha256_of(self)

    def check_member(self, site: str, public_key: str, *, where: str) -> None:
        """Lets a site with this key pass.

        Raises:
            ConsortiumError: the file does not name the site, or names it with another key.
        """
        if self.key_of(site, where=where) != public_key:
            raise ConsortiumError(
                f"its key of `{site}` is not the one that this site signs with.",
                where=where,
                remedy="Set identity_file to the agreed key, or let the consortium agree on the new one.",
            )

    def check_coordinator(self, public_key: str, *, where: str) -> None:
        """Lets a coordinator with this key pass.

        Raises:
            ConsortiumError: the file names another key.
        """
        if self.coordinator.public_key != public_key:
            raise ConsortiumError(
                "its key of the coordinator is not the one that this coordinator signs with.",
                where=where,
                remedy="Set identity_file to the agreed key, or let the consortium agree on the new one.",
            )

    def key_of(self, site: str, *, where: str) -> str:
        """A site's public key.

        Raises:
            ConsortiumError: the file does not name the site.
        """
        if site not in self.sites:
            raise ConsortiumError(f"it does not name `{site}`.", where=where, remedy=_ASK)
        return self.sites[site].public_key

    def check_dictionary(self, sha256: str, *, where: str) -> None:
        """Lets a dictionary with this hash pass.

        Raises:
            ConsortiumError: another one was agreed on.
        """
        if self.dictionary_sha256 != sha256:
            remedy = f"{_ASK} If all agreed on this dictionary, found the consortium anew: docs/operations.md."
            raise ConsortiumError("the dictionary is not the agreed one.", where=where, remedy=remedy)

    def check_roster(self, roster: Sequence[str]) -> None:
        """Lets a roster pass.

        Raises:
            ConsortiumError: a site of it is unknown, or too few sites would add up.
        """
        for name in roster:
            if name not in self.sites:
                raise ConsortiumError("the consortium has no such site.", where=name, remedy=_ASK)
        sites = len(set(roster))
        if sites < self.minimum_sites:
            raise ConsortiumError(
                "the roster has too few sites to hide one's sums among the others'.",
                where="minimum_sites",
                remedy="Add sites to the roster.",
            )
        if sites == 2 and not self.two_sites_consent:  # noqa: PLR2004 -- two: the one and the other
            raise ConsortiumError(
                "of two sites each learns the other's sums, and the consortium does not consent to that.",
                where="two_sites_consent",
                remedy="Add a site to the roster, or agree on two_sites_consent = true.",
            )


def read_consortium(path: Path) -> Consortium:
    """The consortium in a file.

    Raises:
        ConsortiumError: it cannot be read, or is inconsistent; it names the file and the key in it.
    """
    try:
        return Consortium.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        message = f"the consortium file cannot be read: {error.strerror}."
        raise ConsortiumError(message, where=str(path), remedy="Copy the agreed file there.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConsortiumError(f"it is no TOML: {error}.", where=str(path), remedy=_ASK) from None
    except ValidationError as error:
        told = in_words(error, Consortium)
        raise ConsortiumError(
            told.message, where=told.where_in(path), remedy=f"{told.remedy} {_ASK}".lstrip()
        ) from None


def write(consortium: Consortium, path: Path) -> None:
    """Writes the file that `read_consortium` reads."""
    lines = [
        f"name = {json.dumps(consortium.name, ensure_ascii=False)}",
        f'dictionary_sha256 = "{consortium.dictionary_sha256}"',
        f"minimum_sites = {consortium.minimum_sites}",
        f"two_sites_consent = {json.dumps(consortium.two_sites_consent)}",
        f'\n[coordinator]\npublic_key = "{consortium.coordinator.public_key}"',
    ]
    for name, site in consortium.sites.items():  # a JSON string is a TOML string
        lines.append(f'\n[sites.{json.dumps(name, ensure_ascii=False)}]\npublic_key = "{site.public_key}"')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def aloud(sha256: str) -> str:
    """A hash to be read over the telephone: 160 bits of it, so that nobody finds two files for it, in groups of four."""
    return " ".join(sha256[at : at + _GROUP] for at in range(0, _ALOUD, _GROUP))


def in_short(consortium: Consortium) -> str:
    """What people compare by telephone, as both sides print it."""
    return (
        f"Consortium `{consortium.name}` of {', '.join(consortium.sites)}. Its hash, to be read aloud to each of the others:\n"
        f"{aloud(consortium.sha256)}"
    )
