"""An issuer of tokens: its keys, what it signs, and forgeries of it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from joserfc import jwk, jwt
from joserfc.jws import JWSRegistry

from coordinator.access.issuer_keys import IssuerKeys
from coordinator.access.tokens import Tokens
from coordinator.settings import OidcSettings

NOW = 1_800_000_000
ISSUER, AUDIENCE, URL = "https://login.example.org", "fedglmm", "https://login.example.org/jwks.json"
KEYS: dict[str, jwk.Key] = {
    "RS256": jwk.RSAKey.generate_key(2048, {"kid": "r"}),
    "ES256": jwk.ECKey.generate_key("P-256", {"kid": "e"}),
    "EdDSA": jwk.OKPKey.generate_key("Ed25519", {"kid": "o"}),
}
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": NOW + 300, "nbf": NOW, "role": "run"}
SETTINGS = OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=URL)


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

    algorithms = JWSRegistry.algorithms | {
        "EdDSA": type("_", (type(JWSRegistry.algorithms["EdDSA"]),), {"security_warning": ""})()
    }


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
