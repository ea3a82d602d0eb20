"""Who has the site's key is let in; a fault that nobody foresaw tells neither the asker nor the log what it says."""

import hmac
from collections.abc import Awaitable, Callable

import structlog
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr

from shared.codes import INTERNAL, UNAUTHORISED
from shared.listening import leads_here
from shared.messages import Problem
from site_node.problems import answered_with, shortened

_log = structlog.get_logger()


def add_guard(app: FastAPI, site: str, key: SecretStr | None, *, signed: bool = False) -> None:
    """Asks for the key under /v1, and answers an unforeseen fault without its content.

    Args:
        app: what it stands around.
        site: its name, for the log.
        key: the site's, if it has one.
        signed: whether whoever asks has shown a signature already.
    """

    @app.middleware("http")
    async def guard(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        """Stands around everything that answers."""
        problem = _refusal(request, key, signed=signed) if request.url.path.startswith("/v1") else None
        if problem is not None:
            client = request.client.host if request.client else None
            _log.warning("key refused", site=site, client=client, path=shortened(request.url.path))
            return answered_with(401, problem, {"WWW-Authenticate": "Bearer"})
        try:
            return await proceed(request)
        except Exception as error:  # noqa: BLE001 -- its text may quote data, so it goes neither out nor into the log
            _log.error(
                "internal", site=site, fault=type(error).__name__, place=_place(error), path=shortened(request.url.path)
            )
            problem = Problem(
                code=INTERNAL,
                message="the site failed in a way that it did not foresee.",
                remedy="Look at the site's log.",
            )
            return answered_with(500, problem)


def _refusal(request: Request, key: SecretStr | None, *, signed: bool) -> Problem | None:
    """Why a request is not let in.

    A browser says with `Origin` that a page asks: one elsewhere, that found this machine. It does not where the page reads
    under a name of its own that it points at this machine: then `Host` says so.
    """
    if "Origin" in request.headers:
        message, remedy = "a page in a browser asked, and the site answers the coordinator.", "Ask without `Origin`."
    elif key is not None and not _shows(request, key):
        message, remedy = "the bearer key is missing or wrong.", "Send the key that the site's key_file holds."
    elif key is None and not signed and not leads_here(request.headers.get("Host", "")):
        message = "without a key the site is for its own machine, and another name led here."
        remedy = "Ask at http://127.0.0.1 with its port; or set key_file, and send the key."
    else:
        return None
    return Problem(code=UNAUTHORISED, message=message, remedy=remedy)


def _shows(request: Request, key: SecretStr) -> bool:
    shown = request.headers.get("Authorization", "").encode()
    return hmac.compare_digest(shown, f"Bearer {key.get_secret_value()}".encode())


def _place(error: BaseException) -> str:
    """The innermost line of code of an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
