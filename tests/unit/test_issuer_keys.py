"""An issuer's keys are loaded when they are needed, kept for their hour, and never taken for more than they are."""

import json
import sys
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from coordinator.access import issuer_keys
from coordinator.access.issuer_keys import PAUSE_SECONDS, VALID_SECONDS, IssuerKeys, fetch_from, key_set, read_from
from coordinator.access.tokens import tokens_of
from coordinator.app import create_app
from coordinator.settings import OidcSettings, Settings
from coordinator.store import MemoryStore
from shared.errors import AccessError, CredentialsError, SettingsError
from tests.unit.issuer import AUDIENCE, ISSUER, KEYS, URL, Issuer, public

pytestmark = pytest.mark.anyio


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
