"""An issuer's tokens: whom they let in, and every way in which one is none."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk

from coordinator.access.roles import Caller, Role
from coordinator.access.tokens import ALGORITHMS, Tokens
from shared.errors import CredentialsError, RoleError
from tests.unit.issuer import AUDIENCE, ISSUER, KEYS, NOW, SETTINGS, URL, Issuer, by_hand, check, public, token

pytestmark = pytest.mark.anyio
ANNA = Caller("oidc:anna", Role.RUN)


def test_only_signatures_with_a_public_key_are_known() -> None:
    assert ALGORITHMS == ("RS256", "ES256", "EdDSA")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_lets_its_subject_in_with_its_role(algorithm: str) -> None:
    assert await check().caller(token(algorithm)) == ANNA


@pytest.mark.parametrize(
    ("claim", "value", "role"),
    [
        ("role", "administer", Role.ADMINISTER),
        ("role", ["read", "something else"], Role.READ),
        ("role", ["run", "administer", "read"], Role.ADMINISTER),
        ("groups", ["run"], Role.RUN),
    ],
)
async def test_the_role_is_the_one_that_may_most_in_the_claim_that_is_set(claim: str, value: Any, role: Role) -> None:
    settings = SETTINGS.model_copy(update={"role_claim": claim})
    told = {"role": "administer" if claim != "role" else value, claim: value}
    assert (await check(settings=settings).caller(token(**told))).role == role


@pytest.mark.parametrize("role", [None, "", "ADMINISTER", "admin", [], 3, {"run": True}, [["run"]]])
async def test_a_token_without_a_role_is_told_which_claim_must_hold_one(role: Any) -> None:
    with pytest.raises(RoleError, match="gives no role") as caught:
        await check().caller(token(role=role))
    assert "`role`" in caught.value.remedy


@pytest.mark.parametrize(
    ("claims", "passes"),
    [
        ({"exp": NOW - 59}, True),
        ({"exp": NOW - 60}, False),
        ({"nbf": NOW + 60}, True),
        ({"nbf": NOW + 61}, False),
        ({"nbf": None}, True),
        ({"iat": NOW + 61}, False),
        ({"exp": None}, False),
        ({"exp": str(NOW + 300)}, False),
        ({"exp": float("nan")}, False),
        ({"iss": "https://login.example.org/"}, False),
        ({"iss": None}, False),
        ({"aud": ["other", AUDIENCE]}, True),
        ({"aud": "other"}, False),
        ({"aud": ["other"]}, False),
        ({"aud": None}, False),
        ({"aud": {AUDIENCE: 1}}, False),
        ({"sub": None}, False),
        ({"sub": ""}, False),
        ({"sub": "a\nb"}, False),
        ({"sub": "a" * 256}, False),
        ({"sub": 3}, False),
    ],
)
async def test_a_token_is_of_the_issuer_for_this_audience_in_its_time_with_a_minute_of_leeway(
    claims: dict[str, Any], *, passes: bool
) -> None:
    if passes:
        assert (await check().caller(token(**claims))).role == Role.RUN
    else:
        with pytest.raises(CredentialsError) as caught:
            await check().caller(token(**claims))
        assert f"new token from {ISSUER}" in caught.value.remedy


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE"])
async def test_an_unsigned_token_is_refused(name: str) -> None:
    for kid in ({}, {"kid": "e"}):
        with pytest.raises(CredentialsError, match="not signed with RS256, ES256, EdDSA"):
            await check().caller(by_hand({"alg": name, **kid}, None))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("kind", ["RS256", "ES256", "EdDSA"])
async def test_a_public_key_taken_for_a_shared_secret_opens_nothing(kind: str, algorithm: str) -> None:
    key = KEYS[kind]
    assert not isinstance(key, jwk.OctKey)
    for secret in (key.as_pem(private=False), key.as_der(private=False), public(key)):
        with pytest.raises(CredentialsError, match="not signed with"):
            await check().caller(by_hand({"alg": algorithm, "kid": key.kid}, secret))


async def test_a_shared_secret_in_the_issuers_set_checks_nothing() -> None:
    secret = {"kty": "oct", "kid": "s", "k": base64.urlsafe_b64encode(b"s" * 32).rstrip(b"=").decode()}
    issuer = Issuer()
    issuer.published = json.dumps({"keys": [secret, KEYS["ES256"].as_dict(private=False)]}).encode()
    tokens = Tokens(SETTINGS, issuer.keys(), lambda: NOW)
    for algorithm in ("HS256", "ES256"):
        with pytest.raises(CredentialsError):
            await tokens.caller(by_hand({"alg": algorithm, "kid": "s"}, b"s" * 32))
    assert await tokens.caller(token()) == ANNA


@pytest.mark.parametrize("named", ALGORITHMS)
@pytest.mark.parametrize("signed", ALGORITHMS)
async def test_a_key_of_one_kind_checks_no_signature_of_another(named: str, signed: str) -> None:
    if named == signed:
        assert await check().caller(token(signed)) == ANNA
        return
    with pytest.raises(CredentialsError):
        await check().caller(token(signed, header={"kid": KEYS[named].kid}))


async def test_somebody_elses_key_under_the_issuers_id_is_a_wrong_signature() -> None:
    other = jwk.ECKey.generate_key("P-256", {"kid": "e"})
    with pytest.raises(CredentialsError, match="signature is wrong"):
        await check().caller(token("ES256", other))


@pytest.mark.parametrize("where", ["jwk", "jku", "x5u"])
async def test_a_key_that_the_token_brings_itself_is_not_used(where: str) -> None:
    other = jwk.ECKey.generate_key("P-256", {"kid": "mine"})
    brought = {"jwk": other.as_dict(private=False), "jku": URL, "x5u": URL}[where]
    issuer = Issuer(*KEYS.values())
    with pytest.raises(CredentialsError, match="does not publish"):
        await Tokens(SETTINGS, issuer.keys(), lambda: NOW).caller(token("ES256", other, header={where: brought}))


async def test_a_key_for_encryption_checks_nothing() -> None:
    other = jwk.ECKey.generate_key("P-256", {"kid": "enc", "use": "enc"})
    signing = jwk.ECKey.import_key({**other.as_dict(private=True), "use": "sig"})
    with pytest.raises(CredentialsError, match="does not publish"):
        await check(KEYS["RS256"], other).caller(token("ES256", signing))


async def test_a_critical_header_that_nobody_here_knows_is_refused() -> None:
    with pytest.raises(CredentialsError):
        await check().caller(by_hand({"alg": "ES256", "kid": "e", "crit": ["new"], "new": 1}, b"x"))


async def test_a_token_without_a_key_id_is_checked_with_the_only_key_and_with_none_of_several() -> None:
    unnamed = token(header={"kid": None})
    assert await check(KEYS["ES256"]).caller(unnamed) == ANNA
    with pytest.raises(CredentialsError, match="does not publish"):
        await check().caller(unnamed)


async def test_any_change_of_a_token_is_refused_and_not_quoted() -> None:
    whole = token()
    for place in range(0, len(whole), 7):
        changed = whole[:place] + ("A" if whole[place] != "A" else "B") + whole[place + 1 :]
        if changed.rstrip("AB") == whole.rstrip("AB"):
            continue  # bits of the last letter that stand for nothing
        with pytest.raises(CredentialsError) as caught:
            await check().caller(changed)
        assert changed not in str(caught.value)


HEADERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["alg", "ES256", "e"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["alg", "kid", "crit", "b64", "typ"]) | st.text(max_size=3), inner, max_size=4
        )
    ),
    max_leaves=6,
)


@given(header=HEADERS, rest=st.text(alphabet="Ae0_.-=\xe9\x00", max_size=20))
async def test_whatever_is_shown_instead_of_a_token_is_a_401(header: Any, rest: str) -> None:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    for shown in (rest, f"{encoded}.{rest}", f"{encoded}.e30.{rest}"):
        with pytest.raises(CredentialsError):
            await check().caller(shown)
