"""An issuer's tokens: whom they let in, and every way in which one is none."""

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk, jwt
from joserfc.jwa import EdDSA
from joserfc.jws import JWSRegistry
from structlog.testing import capture_logs

from coordinator.access import issuer_keys
from coordinator.access.issuer_keys import PAUSE_SECONDS, VALID_SECONDS, IssuerKeys, fetch_from, key_set, read_from
from coordinator.access.roles import Caller, Role
from coordinator.access.tokens import ALGORITHMS, Tokens, tokens_of
from coordinator.app import create_app
from coordinator.settings import OidcSettings, Settings
from coordinator.store import MemoryStore
from shared.errors import AccessError, CredentialsError, RoleError, SettingsError

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000
ISSUER, AUDIENCE, URL = "https://login.example.org", "fedglmm", "https://login.example.org/jwks.json"
KEYS = {
    "RS256": jwk.RSAKey.generate_key(2048, {"kid": "r"}),
    "ES256": jwk.ECKey.generate_key("P-256", {"kid": "e"}),
    "EdDSA": jwk.OKPKey.generate_key("Ed25519", {"kid": "o"}),
}
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": NOW + 300, "nbf": NOW, "role": "run"}
SETTINGS = OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=URL)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def public(*keys: jwk.Key) -> bytes:
    """The set that an issuer publishes."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


class Issuer:
    """Publishes keys, or fails, and counts how often it was asked."""

    def __init__(self, *keys: jwk.Key) -> None:
        self.published: bytes | Exception = public(*keys)
        self.asked = 0
        self.time = 0.0

    async def load(self) -> bytes:
        self.asked += 1
        if isinstance(self.published, Exception):
            raise self.published
        return self.published

    def keys(self) -> IssuerKeys:
        return IssuerKeys(self.load, lambda: self.time)


def check(*keys: jwk.Key, settings: OidcSettings = SETTINGS) -> Tokens:
    return Tokens(settings, Issuer(*(keys or KEYS.values())).keys(), lambda: NOW)


class _Signing(JWSRegistry):
    """Signs as issuers do: joserfc warns of the older name of EdDSA."""

    algorithms = JWSRegistry.algorithms | {"EdDSA": type("_", (type(EdDSA),), {"security_warning": ""})()}


def token(algorithm: str = "ES256", key: jwk.Key | None = None, header: Mapping[str, Any] = {}, **claims: Any) -> str:
    """A token of the issuer; a claim that is None is left out."""
    key = key or KEYS[algorithm]
    told = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    named = {"alg": algorithm, "kid": key.kid} | dict(header)
    registry = _Signing(algorithms=[algorithm], strict_check_header=False)
    return jwt.encode({name: value for name, value in named.items() if value is not None}, told, key, registry=registry)


def by_hand(header: Mapping[str, Any], secret: bytes | None, claims: Mapping[str, Any] = CLAIMS) -> str:
    """A token that is signed with a shared secret, or not at all."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    text = b".".join(parts)
    signature = b"" if secret is None else hmac.digest(secret, text, hashlib.sha256)
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def test_only_signatures_with_a_public_key_are_known() -> None:
    assert ALGORITHMS == ("RS256", "ES256", "EdDSA")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_lets_its_subject_in_with_its_role(algorithm: str) -> None:
    assert await check().caller(token(algorithm)) == Caller("oidc:anna", Role.RUN)


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
    assert await tokens.caller(token())


@pytest.mark.parametrize("named", ALGORITHMS)
@pytest.mark.parametrize("signed", ALGORITHMS)
async def test_a_key_of_one_kind_checks_no_signature_of_another(named: str, signed: str) -> None:
    if named == signed:
        assert await check().caller(token(signed))
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
    assert await check(KEYS["ES256"]).caller(unnamed)
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


async def test_keys_are_loaded_at_the_first_token_and_kept() -> None:
    issuer = Issuer(*KEYS.values())
    keys = issuer.keys()
    assert issuer.asked == 0
    for _ in range(3):
        assert await keys.find("e")
    assert issuer.asked == 1


async def test_an_unknown_key_id_has_the_keys_loaded_again_but_not_at_every_token() -> None:
    issuer = Issuer(KEYS["RS256"])
    keys = issuer.keys()
    await keys.find("r")
    issuer.published = public(KEYS["ES256"])
    assert await keys.find("e") is None
    issuer.time += PAUSE_SECONDS
    assert await keys.find("e")
    assert [await keys.find(f"made up {n}") for n in range(20)] == [None] * 20
    assert issuer.asked == 2


async def test_a_key_that_the_issuer_withdraws_is_forgotten_within_the_hour() -> None:
    issuer = Issuer(*KEYS.values())
    keys = issuer.keys()
    await keys.find("r")
    issuer.published = public(KEYS["ES256"])
    issuer.time += VALID_SECONDS
    assert await keys.find("r") is None


@pytest.mark.parametrize("fault", [httpx.ConnectError("no"), OSError(), TimeoutError(), ValueError()])
async def test_keys_that_cannot_be_had_let_nobody_in_and_known_ones_go_on_for_their_hour(fault: Exception) -> None:
    issuer = Issuer(*KEYS.values())
    keys = issuer.keys()
    working, issuer.published = issuer.published, fault
    with capture_logs() as log:
        for _ in range(3):
            with pytest.raises(AccessError, match="cannot be had") as caught:
                await keys.find("e")
            assert not isinstance(caught.value, CredentialsError)
    assert [one["event"] for one in log] == ["issuer_keys_unavailable"]
    assert issuer.asked == 1
    issuer.time, issuer.published = PAUSE_SECONDS, working
    assert await keys.find("e")
    issuer.time, issuer.published = 3 * PAUSE_SECONDS, fault
    with pytest.raises(AccessError):
        await keys.find("unknown")
    assert await keys.find("e")
    issuer.time += VALID_SECONDS
    with pytest.raises(AccessError):
        await keys.find("e")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": []}', '{"keys": 3}', '{"keys": [3]}', '{"keys": [{"kty": "RSA"}]}', "\xff"]
)
def test_what_is_no_key_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        key_set(text.encode("latin-1"))


def test_keys_that_are_not_understood_are_left_out() -> None:
    odd = [{"kty": "AKP", "kid": "new"}, {"kty": "EC", "kid": "half", "crv": "P-256"}, {"kty": "EC", "crv": 3, "x": []}]
    text = json.dumps({"keys": [*odd, KEYS["ES256"].as_dict(private=False) | {"exp": 3}]})
    assert set(key_set(text.encode())) == {"e", None}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(200, stream=httpx.ByteStream(b"x" * (issuer_keys.LARGEST_SET + 1))), "ValueError"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example.org"}), "ValueError"),
        (httpx.Response(500, content=public(KEYS["ES256"])), "ValueError"),
    ],
)
async def test_a_fetched_answer_that_is_no_small_200_is_not_used(answer: httpx.Response, reason: str) -> None:
    asked: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    keys = IssuerKeys(fetch_from(URL, httpx.MockTransport(respond)))
    with capture_logs() as log, pytest.raises(AccessError):
        await keys.find("e")
    assert ([str(one.url) for one in asked], [one["reason"] for one in log]) == ([URL], [reason])


async def test_keys_are_fetched_from_their_url() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(public(KEYS["ES256"]))))
    assert await IssuerKeys(fetch_from(URL, transport)).find("e")


async def test_keys_in_a_file_are_read_again_when_the_issuer_has_new_ones(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(public(KEYS["RS256"]))
    time = [0.0]
    keys = IssuerKeys(read_from(file), lambda: time[0])
    assert await keys.find("r")
    file.write_bytes(public(KEYS["ES256"]))
    time[0] = PAUSE_SECONDS
    assert await keys.find("e")


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_file_without_keys_is_named_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "jwks.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"jwks\.json"):
        tokens_of(OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks_file=file))


def test_without_the_extra_the_start_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d.json").write_text('{"variables": [{"name": "age", "type": "number"}]}', encoding="utf-8")
    site = {"name": "Bern", "url": "http://127.0.0.1:9001"}
    settings = Settings.model_validate(
        {"dictionary": "d.json", "sites": [site], "oidc": {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": URL}},
        context=tmp_path,
    )
    monkeypatch.setitem(sys.modules, "joserfc", None)
    monkeypatch.delitem(sys.modules, "coordinator.access.tokens")
    with pytest.raises(SettingsError, match=r"\.\[oidc\]"):
        create_app(settings, store=MemoryStore())
