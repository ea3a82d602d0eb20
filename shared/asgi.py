"""What a middleware of both sides needs of ASGI: the types of an app, and an answer that reads nothing. No web framework."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from shared.messages import Problem
from shared.openapi import PROBLEM_TYPE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def refuse(send: Send, status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
    """Answers with a Problem and ends the connection: what is left of the body is not read."""
    content = problem.model_dump_json().encode()
    told = {"content-type": PROBLEM_TYPE, "content-length": str(len(content)), "connection": "close", **(headers or {})}
    written = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": written})
    await send({"type": "http.response.body", "body": content})
