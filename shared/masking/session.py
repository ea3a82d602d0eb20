"""How sites agree on whom they mask with: each signs what it takes part in and its key; all of these make the session.

A coordinator that told two sites different things, or put in keys of its own, is found out by the signatures; and if it
were not, the sites' sessions and so their masks would differ, and nothing would cancel.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from shared.consortium import Consortium, Hex32
from shared.errors import JoinError
from shared.framing import framed
from shared.masking.ephemeral import EphemeralKey
from shared.request import SiteName
from shared.signing import Identity, verify
from shared.specification import PROTOCOL_VERSION
from shared.wire import AnalysisId, Label, Signature, Wire

SHORTEST = timedelta(hours=24)
"""How long a site takes part at least."""
SKEW = timedelta(hours=1)
"""By how much clocks may differ: an expiry is taken from this much less than the shortest, and kept to this much after."""
_SIGNED, _SESSION = "fedglmm join 1", "fedglmm session 1"
_UNSIGNED = "00" * 64
_AGAIN = "Submit the analysis again."


_EXISTING = r"^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
"""Of texts that are moments in any month; the last days of most months are moments as well."""


def _existing(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Expiry = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"),
    AfterValidator(_existing),
    WithJsonSchema({"type": "string", "pattern": _EXISTING}),
]


@dataclass(frozen=True)
class Agreed:
    """What every site of an analysis takes part in."""

    consortium: Consortium
    analysis: str
    specification_sha256: str
    roster: tuple[str, ...]


class Join(Wire):
    """A site takes part, with this key."""

    protocol_version: int = Field(default=PROTOCOL_VERSION, ge=1, le=10**6)
    consortium_sha256: Hex32
    analysis: AnalysisId
    specification_sha256: Hex32
    roster: tuple[SiteName, ...]
    site: SiteName
    fingerprint: Label = Field(description="keyed hash of the site's data")
    expires: Expiry = Field(description="UTC, to the second")
    public_key: Hex32 = Field(description="X25519, of this analysis alone")
    signature: Signature = Field(description="Ed25519, of all the rest")

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return framed(
            str(self.protocol_version),
            self.consortium_sha256,
            self.analysis,
            self.specification_sha256,
            framed(*self.roster),
            self.site,
            self.fingerprint,
            self.expires,
            self.public_key,
        )

    @property
    def expires_at(self) -> datetime:
        """The expiry, aware of being UTC."""
        return datetime.fromisoformat(self.expires)


def join(
    agreed: Agreed,
    identity: Identity,
    key: EphemeralKey,
    *,
    site: str,
    fingerprint: str,
    expires: datetime,
    now: datetime,
) -> Join:
    """What a site signs.

    Args:
        agreed: what it takes part in.
        identity: the site's own, whose public key is in the consortium file.
        key: of this analysis alone.
        site: its own name.
        fingerprint: of its data.
        expires: until when, aware of its zone: at least a day ahead, an hour of which two clocks may differ by.
        now: aware of its zone.

    Raises:
        JoinError: it expires too soon.
    """
    if expires < now + SHORTEST - SKEW:
        raise JoinError("it would expire in less than 24 hours.", where=site, remedy="Set a later expiry.")
    unsigned = Join(
        consortium_sha256=agreed.consortium.sha256,
        analysis=agreed.analysis,
        specification_sha256=agreed.specification_sha256,
        roster=agreed.roster,
        site=site,
        fingerprint=fingerprint,
        expires=expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        public_key=key.public_hex,
        signature=_UNSIGNED,
    )
    return unsigned.model_copy(update={"signature": identity.sign(_SIGNED, unsigned.signed).hex()})


def check_signed(joins: Sequence[Join], agreed: Agreed) -> tuple[Join, ...]:
    """Lets what all sites signed pass, whenever they did.

    Args:
        joins: in any order.
        agreed: what this side knows of the analysis.

    Returns:
        The joins in roster order.

    Raises:
        ConsortiumError: the roster is none that the consortium agreed to.
        JoinError: a site is missing, unknown, there twice, signed something else or not by its own key.
    """
    agreed.consortium.check_roster(agreed.roster)
    ordered = _one_of_each(joins, agreed.roster)
    consortium_sha256 = agreed.consortium.sha256
    for one in ordered:
        _check_agreement(one, agreed, consortium_sha256)
        _check_signature(one, agreed.consortium)
    return ordered


def check_joins(joins: Sequence[Join], agreed: Agreed, now: datetime) -> tuple[Join, ...]:
    """Lets what all sites signed pass.

    Args:
        joins: in any order.
        agreed: what this side knows of the analysis.
        now: aware of its zone.

    Returns:
        The joins in roster order.

    Raises:
        ConsortiumError: as `check_signed`.
        JoinError: as `check_signed`; or a site's time is up, two sites have one key, or a site one that gives no secret.
    """
    ordered = check_signed(joins, agreed)
    probe = EphemeralKey.make()
    owners: dict[str, str] = {}
    for one in ordered:
        if now - SKEW > one.expires_at:
            raise JoinError("its time is up.", where=one.site, remedy=_AGAIN)
        probe.secret_with(one.public_key, site=one.site)
        owner = owners.setdefault(one.public_key, one.site)
        if owner != one.site:
            raise JoinError(f"its key is that of `{owner}` too.", where=one.site, remedy=_AGAIN)
    return ordered


def session_of(joins: Sequence[Join]) -> bytes:
    """The SHA-256 of what all sites of the roster signed, in the order of the roster.

    Raises:
        JoinError: a site of the roster is missing, unknown or there twice.
    """
    return hashlib.sha256(framed(_SESSION, *(one.signed for one in in_roster_order(joins)))).digest()


def in_roster_order(joins: Sequence[Join]) -> tuple[Join, ...]:
    """The joins by the roster that they name.

    Raises:
        JoinError: a site of it is missing, unknown or there twice.
    """
    return _one_of_each(joins, joins[0].roster if joins else ())


def _one_of_each(joins: Sequence[Join], roster: Sequence[str]) -> tuple[Join, ...]:
    by_site: dict[str, Join] = {}
    for one in joins:
        if one.site not in roster:
            raise JoinError("it is not in the roster.", where=one.site, remedy="Leave it out, or add it to the roster.")
        if one.site in by_site:
            raise JoinError("it is there twice.", where=one.site, remedy="Pass on what each site signed once.")
        by_site[one.site] = one
    for name in roster:
        if name not in by_site:
            raise JoinError("it has not signed.", where=name, remedy="Wait for it, or leave it out of the roster.")
    return tuple(by_site[name] for name in roster)


def _check_agreement(one: Join, agreed: Agreed, consortium_sha256: str) -> None:
    """The first thing in which a site's understanding differs, both sides of it."""
    for what, its, expected, remedy in (
        ("protocol version", one.protocol_version, PROTOCOL_VERSION, "Install one version of fedglmm everywhere."),
        (
            "consortium file",
            one.consortium_sha256,
            consortium_sha256,
            "Compare the files; copy the agreed one to both.",
        ),
        ("analysis", one.analysis, agreed.analysis, _AGAIN),
        ("specification", one.specification_sha256, agreed.specification_sha256, _AGAIN),
        ("roster", ", ".join(one.roster), ", ".join(agreed.roster), _AGAIN),
    ):
        if its != expected:
            raise JoinError(f"its {what} is another one: {its} there, {expected} here.", where=one.site, remedy=remedy)


def _check_signature(one: Join, consortium: Consortium) -> None:
    if not verify(consortium.sites[one.site].public_key, _SIGNED, one.signed, bytes.fromhex(one.signature)):
        raise JoinError(
            "its signature is not by its key in the consortium file.",
            where=one.site,
            remedy="Let it sign with that key, or agree on its new one.",
        )
