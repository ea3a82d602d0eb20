"""A member of a consortium lets in what the coordinator has signed, and signs what it answers: two middlewares of ASGI.

`Signatures` is around everything else: a request that the coordinator has not signed sends no body, and whatever is answered to
one that it has is signed, refusals and faults too. `SignedBody` is within the limit of the body, and before anything parses it.
"""

from collections.abc import Mapping

import structlog

from shared.asgi import App, Message, Receive, Scope, Send, refuse
from shared.body_limit import again, whole
from shared.codes import SIGNATURE_WRONG, UNSIGNED
from shared.messages import Problem
from shared.signed import DIGEST, SIGNATURE, Correspondence, digest_of

LOGGED_TEXT = 200
"""Characters of a path of others that stand in the site's log."""
_REMEDY = "Compare the consortium file of both sides: `fedglmm-site check` and `fedglmm-coordinator check` read its hash aloud."
_log = structlog.get_logger()


class Signatures:
    """Answers signed requests under /v1 with signed answers."""

    def __init__(self, app: App, site: str, coordinator: Correspondence) -> None:
        self._app = app
        self._site = site
        self._coordinator = coordinator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if not _is_guarded(scope):
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        signature, path = headers.get(SIGNATURE), scope["path"]
        if signature is not None and self._coordinator.is_request(scope["method"], path, headers):
            await self._app(scope, receive, self._signing(signature, send))
            return
        problem = _unsigned() if signature is None else _wrong("the signature is not the coordinator's.")
        client = scope["client"][0] if scope.get("client") else None
        _log.warning("signature refused", site=self._site, client=client, path=path[:LOGGED_TEXT], code=problem.code)
        await refuse(send, 401, problem)

    def _signing(self, request: str, send: Send) -> Send:
        """Holds an answer back until it is whole: its signature stands before its body."""
        held: list[Message] = []

        async def signing(message: Message) -> None:
            """Takes a part of the answer; with the last one all of it leaves."""
            held.append(message)
            if message["type"] != "http.response.body" or message.get("more_body", False):
                return
            start, *parts = held
            body = b"".join(part.get("body", b"") for part in parts)
            signature = self._coordinator.sign_answer(request, start["status"], body)
            signed = (SIGNATURE.encode(), signature.encode())
            await send({**start, "headers": [*start.get("headers", ()), signed]})
            await send({"type": "http.response.body", "body": body})

        return signing


class SignedBody:
    """Hands on a body that is what its digest says, which is signed."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if not _is_guarded(scope):
            await self._app(scope, receive, send)
            return
        messages = await whole(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        if _headers(scope).get(DIGEST) != digest_of(body):
            await refuse(send, 401, _wrong("the body is not what was signed."))
            return
        await self._app(scope, again(messages, receive), send)


def _is_guarded(scope: Scope) -> bool:
    return bool(scope["type"] == "http" and scope["path"].startswith("/v1"))


def _headers(scope: Scope) -> Mapping[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _unsigned() -> Problem:
    return Problem(
        code=UNSIGNED,
        message="the request is not signed, and this site answers its consortium's coordinator alone.",
        where="the request",
        remedy="Give the coordinator the consortium file and its signing key: `consortium` and `identity_file`.",
    )


def _wrong(message: str) -> Problem:
    return Problem(code=SIGNATURE_WRONG, message=message, where="the request", remedy=_REMEDY)
