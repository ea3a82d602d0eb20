"""Masks cancel over all sites that agree on everything and over no others, and what is masked tells the sum and no more."""

import hmac
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import JoinError
from shared.masking import keystreams
from shared.masking.encoding import Fixed, add, decode, encode, from_bytes, subtract, to_bytes, total
from shared.masking.ephemeral import EphemeralKey
from shared.masking.pairwise import Context, PairSecrets, combined
from shared.masking.session import session_of
from tests.unit.masked_sites import Sites, fixed, sites

NAMES = ("North", "South", "East", "West", "Middle")
LENGTH = 7
ALL = sites(*NAMES)
SECRETS = tuple(PairSecrets.of(key, ALL.joins) for key in ALL.keys)
CONTEXT = Context(session_of(ALL.joins), "evaluate", 3, bytes(32), b"\1" * 32)
ZERO = bytes(16 * LENGTH)
BIG = st.lists(st.integers(0, 2**128 - 1), min_size=LENGTH, max_size=LENGTH).map(fixed)
THREE = st.tuples(BIG, BIG, BIG)
Three = tuple[Fixed, Fixed, Fixed]


def masks(secrets: Sequence[PairSecrets] = SECRETS, context: Context = CONTEXT) -> list[Fixed]:
    return [one.mask(context, LENGTH) for one in secrets]


@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_masks_over_all_sites_sum_to_exactly_zero(count: int) -> None:
    some: Sites = sites(*(f"Site {i}" for i in range(count)))
    secrets = [PairSecrets.of(key, some.joins) for key in some.keys]
    context = replace(CONTEXT, session=session_of(some.joins))
    assert to_bytes(total(masks(secrets, context))) == ZERO
    for left_out in range(count):
        rest = [mask for at, mask in enumerate(masks(secrets, context)) if at != left_out]
        assert to_bytes(total(rest)) != ZERO


@given(st.lists(st.lists(st.floats(-1e12, 1e12), min_size=LENGTH, max_size=LENGTH), min_size=5, max_size=5))
@settings(deadline=None)
def test_what_is_masked_sums_to_what_was_meant_to_the_bit(rows: list[list[float]]) -> None:
    encoded = [encode(np.array(row), 5) for row in rows]
    sent = [add(one, mask) for one, mask in zip(encoded, masks(), strict=True)]
    assert to_bytes(total(sent)) == to_bytes(total(encoded))
    assert decode(total(sent)).tobytes() == decode(total(encoded)).tobytes()


OTHER = {
    "kind": replace(CONTEXT, kind="start"),
    "sequence": replace(CONTEXT, sequence=4),
    "last_root": replace(CONTEXT, last_root=b"\1" + bytes(31)),
    "state": replace(CONTEXT, state=b"\2" + b"\1" * 31),
}


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize("field", OTHER)
def test_masks_do_not_cancel_if_one_site_is_in_another_context(field: str, at: int) -> None:
    ours = masks()
    ours[at] = SECRETS[at].mask(OTHER[field], LENGTH)
    assert to_bytes(total(ours)) != ZERO


@pytest.mark.parametrize("at", range(32))
def test_masks_do_not_cancel_if_any_byte_of_the_session_differs(at: int) -> None:
    session = bytes(byte ^ (place == at) for place, byte in enumerate(CONTEXT.session))
    ours = [SECRETS[0].mask(replace(CONTEXT, session=session), LENGTH), *masks()[1:]]
    assert to_bytes(total(ours)) != ZERO


def test_masks_do_not_cancel_if_a_site_was_given_anothers_new_key() -> None:
    joins = (*ALL.joins[:4], ALL.joined(4, key=EphemeralKey.make()))
    ours = [PairSecrets.of(ALL.keys[0], joins), *SECRETS[1:]]
    assert to_bytes(total(masks(ours))) != ZERO


def test_masks_of_every_site_and_every_context_differ() -> None:
    contexts = [CONTEXT, *OTHER.values()]
    written = {to_bytes(mask) for context in contexts for mask in masks(context=context)}
    assert len(written) == len(contexts) * len(NAMES)


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=3),
            st.text(max_size=2),
            st.integers(0, 999),
            st.binary(max_size=3),
            st.binary(max_size=3),
        ),
        unique=True,
        min_size=2,
        max_size=20,
    )
)
def test_no_two_contexts_are_written_alike(several: list[tuple[bytes, str, int, bytes, bytes]]) -> None:
    assert len({Context(*fields).written for fields in several}) == len(several)


def test_contexts_that_run_together_alike_are_written_apart() -> None:
    fields = [
        (b"s", "ab", 1, b"c", b""),
        (b"s", "a", 1, b"bc", b""),
        (b"sa", "b", 1, b"c", b""),
        (b"s", "ab1", 1, b"", b"c"),
    ]
    assert len({Context(*each).written for each in fields}) == len(fields)


def test_a_mask_is_the_same_after_a_restart_from_the_stored_key() -> None:
    stored = EphemeralKey.from_bytes(ALL.keys[2].to_bytes())
    assert stored.public_hex == ALL.keys[2].public_hex
    again = PairSecrets.of(stored, ALL.joins[::-1])
    assert to_bytes(again.mask(CONTEXT, LENGTH)) == to_bytes(SECRETS[2].mask(CONTEXT, LENGTH))


def test_a_pairs_mask_is_what_the_format_says() -> None:
    two = sites("North", "South")
    context = replace(CONTEXT, session=session_of(two.joins))
    secret = two.keys[0].secret_with(two.joins[1].public_key, site="South")
    assert secret == two.keys[1].secret_with(two.joins[0].public_key, site="North")
    fields = (b"fedglmm context 1", context.session, b"evaluate", b"3", context.last_root, context.state)
    info = written(b"fedglmm pair 2", b"North", b"South")
    cipher_key = hmac.digest(secret, info + b"\1", "sha256")  # HKDF-Expand (RFC 5869), block by block
    block_key = hmac.digest(secret, cipher_key + info + b"\2", "sha256")
    first = hmac.digest(block_key, written(*fields), "sha256")[:16]
    stream = Cipher(AES(cipher_key), CTR(first)).encryptor().update(ZERO)
    assert to_bytes(PairSecrets.of(two.keys[0], two.joins).mask(context, LENGTH)) == stream


def written(*parts: bytes) -> bytes:
    return b"".join(struct.pack("<Q", len(part)) + part for part in parts)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_damaged_stored_key_is_said_so(size: int) -> None:
    with pytest.raises(JoinError, match="damaged"):
        EphemeralKey.from_bytes(bytes(size))


def test_a_mask_does_not_depend_on_the_masks_made_before_it() -> None:
    fresh = PairSecrets.of(ALL.keys[1], ALL.joins)
    for length in (1, 500, LENGTH):
        fresh.mask(replace(CONTEXT, sequence=length + 3), length)
        assert to_bytes(fresh.mask(CONTEXT, LENGTH)) == to_bytes(SECRETS[1].mask(CONTEXT, LENGTH))


def test_threads_that_ask_for_masks_at_once_get_each_its_own() -> None:
    """Of two messages under one keystream the difference would be told: so a cipher is never moved on by two at once."""
    contexts = [replace(CONTEXT, sequence=number) for number in range(64)]
    alone = [to_bytes(SECRETS[0].mask(context, 3000)) for context in contexts]
    shared = PairSecrets.of(ALL.keys[0], ALL.joins)
    with ThreadPoolExecutor(8) as threads:
        together = [*threads.map(lambda context: to_bytes(shared.mask(context, 3000)), contexts)]
    assert together == alone


@pytest.mark.parametrize("at_once", [1, 16 * LENGTH, 2 * 16 * LENGTH])
def test_how_many_keystreams_are_made_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    whole = [to_bytes(mask) for mask in masks()]
    monkeypatch.setattr(keystreams, "AT_ONCE", at_once)
    assert [to_bytes(mask) for mask in masks()] == whole


def test_a_key_that_no_site_signed_has_no_secrets() -> None:
    with pytest.raises(JoinError, match="no site signed"):
        PairSecrets.of(EphemeralKey.make(), ALL.joins)


def test_nothing_shows_its_secrets() -> None:
    secret = X25519PrivateKey.from_private_bytes(ALL.keys[0].to_bytes())
    assert secret.public_key().public_bytes_raw().hex() == ALL.joins[0].public_key
    shown = repr(ALL.keys[0]) + repr(SECRETS[0]) + str(SECRETS[0])
    for hidden in (ALL.keys[0].to_bytes(), *SECRETS[0].secrets):
        assert hidden.hex() not in shown
        assert repr(hidden) not in shown


@given(THREE, THREE, THREE)
def test_two_data_sets_with_one_sum_may_both_have_sent_the_same_bytes(x: Three, other: Three, masked_by: Three) -> None:
    """Perfect hiding, if pair masks are uniform: other masks, just as likely, turn the other data into what was sent."""
    z = (*other[:2], subtract(total(x), total(other[:2])))
    assert to_bytes(total(z)) == to_bytes(total(x))
    m12, m13, m23 = masked_by
    d1, d2 = subtract(x[0], z[0]), subtract(x[1], z[1])
    assert sent(z, (add(m12, d1), m13, total([m23, d1, d2]))) == sent(x, masked_by)


@given(THREE, THREE)
def test_what_was_sent_always_tells_the_sum(x: Three, masked_by: Three) -> None:
    """So no masks turn data with another sum into it: the sum is what is told, and all that is."""
    assert to_bytes(total([from_bytes(each) for each in sent(x, masked_by)])) == to_bytes(total(x))


def sent(data: Three, pair_masks: Three) -> list[bytes]:
    """What three sites put on the wire, with these pair masks."""
    m12, m13, m23 = pair_masks
    own = [combined([], [m12, m13], LENGTH), combined([m12], [m23], LENGTH), combined([m13, m23], [], LENGTH)]
    return [to_bytes(add(x, mask)) for x, mask in zip(data, own, strict=True)]
