"""Signed requests and answers: who asked what of whom, and what was answered to it, whatever carried both in between.

    Fedglmm-Signature: of the request or of the answer, 128 hexadecimal digits
    Fedglmm-Time: when it was asked, so that an answer of yesterday is none to the same question today
    Content-Digest: sha-256=:...: of the request's body (RFC 9530), so that its signature is checked before the body is read

A request's signature is over the site's public key, method, path, digest and time; an answer's over the request's signature,
status and digest. The time is compared with no clock: a request that comes again is answered as before, or not at all.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from shared.framing import framed
from shared.signing import Identity, verify

SIGNATURE, TIME, DIGEST = "fedglmm-signature", "fedglmm-time", "content-digest"
_REQUEST, _ANSWER = "fedglmm request 1", "fedglmm answer 1"
"""Domains."""


@dataclass(frozen=True)
class Asked:
    """A request, but for its body."""

    method: str
    path: str
    """From `/v1` on: a proxy may put something before it."""
    time: str
    digest: str
    """Of the body."""


@dataclass(frozen=True)
class Correspondence:
    """The coordinator and a site, as one of the two sees it."""

    own: Identity
    other: str
    """The other's public key, from the consortium file."""

    def sign_request(self, asked: Asked) -> dict[str, str]:
        """The headers of the coordinator's request."""
        signature = self.own.sign(_REQUEST, _request(self.other, asked))
        return {SIGNATURE: signature.hex(), TIME: asked.time, DIGEST: asked.digest}

    def is_request(self, method: str, path: str, headers: Mapping[str, str]) -> bool:
        """Whether the coordinator asked this of this site; the body is another question (`digest_of`).

        Args:
            method: of the request.
            path: of the request, from `/v1` on.
            headers: by their names in lower case.
        """
        asked = Asked(method, path, headers.get(TIME, ""), headers.get(DIGEST, ""))
        return _verified(self.other, _REQUEST, _request(self.own.public_hex, asked), headers.get(SIGNATURE, ""))

    def sign_answer(self, request: str, status: int, body: bytes) -> str:
        """The signature of the site's answer to the request of that signature."""
        return self.own.sign(_ANSWER, _answer(request, status, body)).hex()

    def is_answer(self, request: str, status: int, body: bytes, signature: str) -> bool:
        """Whether the site answered this to the request of that signature."""
        return _verified(self.other, _ANSWER, _answer(request, status, body), signature)


def digest_of(body: bytes) -> str:
    """What `Content-Digest` says of a body."""
    return f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"


def _request(site: str, asked: Asked) -> bytes:
    return framed(site, asked.method, asked.path, asked.digest, asked.time)


def _answer(request: str, status: int, body: bytes) -> bytes:
    return framed(request, str(status), hashlib.sha256(body).digest())


def _verified(public_key: str, domain: str, message: bytes, signature: str) -> bool:
    try:
        return verify(public_key, domain, message, bytes.fromhex(signature))
    except ValueError:  # it is not even hexadecimal
        return False
