"""What sites sign holds together, or is refused by the site's name and with a remedy; the session is of all of it."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from shared.consortium import Consortium
from shared.errors import ConsortiumError, JoinError
from shared.masking import session
from shared.masking.ephemeral import EphemeralKey
from shared.masking.session import Join, check_joins, in_roster_order, session_of
from shared.specification import PROTOCOL_VERSION
from tests.unit.masked_sites import NOW, TOMORROW, Sites, identity, sites

NAMES = ("North", "South", "East")
LOW_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ec" + "ff" * 30 + "7f",
]
"""The points of low order, RFC 7748's coordinates below 2^255 - 19: what anybody computes with them is zero."""


@pytest.fixture
def three() -> Sites:
    return sites(*NAMES)


def refused(joins: Sequence[Join], three: Sites, now: datetime = NOW) -> JoinError:
    with pytest.raises(JoinError) as caught:
        check_joins(joins, three.agreed, now)
    assert caught.value.remedy
    return caught.value


def with_key(three: Sites, at: int, public_hex: str) -> tuple[Join, ...]:
    """A site signs this key as its own."""
    unsigned = three.joins[at].model_copy(update={"public_key": public_hex})
    signature = three.identities[at].sign("fedglmm join 1", unsigned.signed).hex()
    return replaced(three, at, unsigned.model_copy(update={"signature": signature}))


def replaced(three: Sites, at: int, one: Join) -> tuple[Join, ...]:
    return (*three.joins[:at], one, *three.joins[at + 1 :])


def test_what_all_sites_signed_passes_in_any_order_and_comes_back_in_the_rosters(three: Sites) -> None:
    assert check_joins(three.joins[::-1], three.agreed, NOW) == three.joins
    assert in_roster_order(three.joins[::-1]) == three.joins


def test_it_crosses_the_wire(three: Sites) -> None:
    read = tuple(Join.model_validate_json(one.written) for one in three.joins)
    assert check_joins(read, three.agreed, NOW) == three.joins


def test_a_site_that_is_missing_unknown_or_there_twice_is_named(three: Sites) -> None:
    north, south, east = three.joins
    stranger = sites("West", "North").joins[0]
    for joins, name, said in (
        ((north, south), "East", "has not signed"),
        ((), "North", "has not signed"),
        ((north, south, east, stranger), "West", "not in the roster"),
        ((north, south, east, north), "North", "twice"),
        ((north, south, east, three.joined(1, key=EphemeralKey.make())), "South", "twice"),
    ):
        error = refused(joins, three)
        assert (error.where, said in error.message) == (name, True)
        if joins:
            with pytest.raises(JoinError):
                session_of(joins)


def test_a_site_of_the_roster_that_the_consortium_does_not_know_is_named(three: Sites) -> None:
    with pytest.raises(ConsortiumError) as caught:
        check_joins(three.joins, replace(three.agreed, roster=(*NAMES, "West")), NOW)
    assert caught.value.where == "West"


def test_two_sites_need_the_consortiums_consent() -> None:
    two = sites("North", "South")
    assert check_joins(two.joins, two.agreed, NOW) == two.joins
    two = sites("North", "South", two_sites_consent=False)
    with pytest.raises(ConsortiumError, match="learns the other's sums"):
        check_joins(two.joins, two.agreed, NOW)


def test_another_consortium_file_is_told_with_both_hashes(three: Sites) -> None:
    agreed = three.agreed
    other = Consortium.model_validate(agreed.consortium.model_dump() | {"name": "Another"})
    joins = replaced(three, 1, three.joined(1, replace(agreed, consortium=other)))
    error = refused(joins, three)
    assert error.where == "South"
    assert other.sha256 in error.message
    assert agreed.consortium.sha256 in error.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"analysis": "analysis-2"}, "analysis-2"),
        ({"specification_sha256": "b" * 64}, "b" * 64),
        ({"roster": ("North", "East", "South")}, "North, East, South"),
        ({"roster": ("North", "South", "East", "West")}, "North, South, East, West"),
    ],
)
def test_who_agreed_to_something_else_is_named_with_both_sides(three: Sites, change: dict[str, Any], said: str) -> None:
    error = refused(replaced(three, 2, three.joined(2, replace(three.agreed, **change))), three)
    assert error.where == "East"
    assert said in error.message
    expected = getattr(three.agreed, next(iter(change)))
    assert (expected if isinstance(expected, str) else ", ".join(expected)) in error.message


def test_another_version_is_named(three: Sites) -> None:
    error = refused(replaced(three, 0, three.joins[0].model_copy(update={"protocol_version": 99})), three)
    assert (error.where, "99" in error.message) == ("North", True)


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "e" * 64},
        {"expires": "2026-12-31T00:00:00Z"},
        {"public_key": EphemeralKey.from_bytes(b"k" * 32).public_hex},
        {"signature": "00" * 64},
    ],
)
def test_what_was_changed_after_it_was_signed_is_refused(three: Sites, change: dict[str, str]) -> None:
    error = refused(replaced(three, 1, three.joins[1].model_copy(update=change)), three)
    assert (error.where, "signature" in error.message) == ("South", True)


def test_who_signs_for_another_site_is_refused(three: Sites) -> None:
    impostor = replace(three, identities=(three.identities[0], identity(), three.identities[2]))
    assert refused(replaced(three, 1, impostor.joined(1)), three).where == "South"
    unsigned = three.joins[0].model_copy(update={"site": "South"})
    assert refused(replaced(three, 1, unsigned), three).where == "South"


def test_a_signature_over_the_same_bytes_for_another_purpose_is_none(three: Sites) -> None:
    other = three.identities[1].sign("fedglmm close 1", three.joins[1].signed).hex()
    error = refused(replaced(three, 1, three.joins[1].model_copy(update={"signature": other})), three)
    assert error.where == "South"


def test_two_sites_with_one_key_are_named(three: Sites) -> None:
    error = refused(with_key(three, 2, three.joins[0].public_key), three)
    assert (error.where, "`North`" in error.message) == ("East", True)


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_key_that_gives_no_secret_is_refused_even_if_it_is_signed(three: Sites, point: str) -> None:
    error = refused(with_key(three, 1, point), three)
    assert (error.where, "no secret" in error.message) == ("South", True)


def test_a_second_spelling_of_another_sites_key_is_refused(three: Sites) -> None:
    """X25519 ignores the top bit: the same key, and it looks like another."""
    first = bytes.fromhex(three.joins[0].public_key)
    again = bytes([*first[:31], first[31] | 0x80]).hex()
    assert refused(with_key(three, 2, again), three).where == "East"
    beyond = (2**255 - 19 + 9).to_bytes(32, "little").hex()  # the base point, 9, once more
    assert refused(with_key(three, 2, beyond), three).where == "East"


def test_a_site_takes_part_for_a_day_at_least_and_an_hour_between_clocks_never_matters(three: Sites) -> None:
    for clock in (NOW - timedelta(hours=1), NOW + timedelta(hours=1), TOMORROW + timedelta(hours=1)):
        assert check_joins(three.joins, three.agreed, clock) == three.joins
    late = TOMORROW + timedelta(hours=1, seconds=1)
    assert refused(three.joins, three, late).where == "North"


@pytest.mark.parametrize(("hours", "soon"), [(23, False), (24, False), (22.99, True), (0, True), (-24, True)])
def test_what_expires_too_soon_is_not_signed(three: Sites, hours: float, soon: bool) -> None:
    expires = NOW + timedelta(hours=hours)

    def joined() -> Join:
        return session.join(
            three.agreed, three.identities[0], three.keys[0], site="North", fingerprint="f", expires=expires, now=NOW
        )

    if soon:
        with pytest.raises(JoinError, match="less than 24 hours"):
            joined()
    else:
        assert joined().expires_at == expires


def test_the_expiry_is_written_in_utc(three: Sites) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    one = session.join(
        three.agreed,
        three.identities[0],
        three.keys[0],
        site="North",
        fingerprint="f",
        expires=TOMORROW.astimezone(zone),
        now=NOW,
    )
    assert (one.expires, one.expires_at) == ("2026-12-02T12:00:00Z", TOMORROW)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expires", "2026-12-02T12:00:00"),
        ("expires", "2026-12-02T12:00:00+01:00"),
        ("expires", "2026-13-02T12:00:00Z"),
        ("expires", "2026-12-02"),
        ("public_key", "AB" * 32),
        ("public_key", "00" * 31),
        ("signature", "00" * 63),
        ("signature", "00" * 64 + "\n"),
        ("consortium_sha256", ""),
        ("site", "../North"),
    ],
)
def test_what_is_not_written_as_agreed_is_no_message(three: Sites, field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        Join.model_validate(three.joins[0].model_dump() | {field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("protocol_version", 99),
        ("consortium_sha256", "e" * 64),
        ("analysis", "analysis-2"),
        ("specification_sha256", "e" * 64),
        ("fingerprint", "e" * 64),
        ("expires", "2027-01-01T00:00:00Z"),
        ("public_key", EphemeralKey.from_bytes(b"k" * 32).public_hex),
    ],
)
def test_the_session_is_of_everything_that_every_site_signed(three: Sites, field: str, value: object) -> None:
    expected = session_of(three.joins)
    assert len(expected) == 32
    assert session_of(three.joins[::-1]) == expected
    sessions = {session_of(replaced(three, at, three.joins[at].model_copy(update={field: value}))) for at in range(3)}
    assert len(sessions | {expected}) == 4


def test_what_is_signed_and_the_session_are_what_the_page_says(three: Sites) -> None:
    one = three.joins[0]
    parts: list[str | tuple[str, ...]] = [
        str(PROTOCOL_VERSION),
        one.consortium_sha256,
        "analysis-1",
        "a" * 64,
        NAMES,
        "North",
        "f" * 64,
        one.expires,
        one.public_key,
    ]
    assert one.signed == written(*(written(*part) if isinstance(part, tuple) else part for part in parts))
    signature = bytes.fromhex(one.signature)
    three.identities[0].key.public_key().verify(signature, written("fedglmm join 1", one.signed))
    session_bytes = written("fedglmm session 1", *(each.signed for each in three.joins))
    assert session_of(three.joins) == hashlib.sha256(session_bytes).digest()


def written(*parts: bytes | str) -> bytes:
    as_bytes = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(struct.pack("<Q", len(part)) + part for part in as_bytes)


def test_the_session_depends_on_the_rosters_order(three: Sites) -> None:
    turned = tuple(one.model_copy(update={"roster": NAMES[::-1]}) for one in three.joins)
    assert session_of(turned) != session_of(three.joins)


def test_texts_that_run_together_alike_are_signed_apart(three: Sites) -> None:
    one = three.joins[0]
    apart = [("ab", "c"), ("a", "bc"), ("abc", "")]
    signed = {one.model_copy(update={"site": a, "fingerprint": b}).signed for a, b in apart}
    rosters = {one.model_copy(update={"roster": roster}).signed for roster in (("A", "B"), ("AB",), ("A B",))}
    assert (len(signed), len(rosters)) == (3, 3)
