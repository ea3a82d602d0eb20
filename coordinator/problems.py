"""Every error that leaves the coordinator is a Problem: what happened, where, what to do. No value of a request in it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from coordinator.submission import KEY_REUSED
from shared.bodies import NO_TEXT, UNREADABLE, request_in_words
from shared.codes import INTERNAL, code_of
from shared.errors import (
    AccessError,
    CredentialsError,
    DictionaryError,
    FedglmmError,
    NoResultError,
    RequestError,
    RoleError,
    StoreError,
    UnknownAnalysisError,
)
from shared.messages import Problem
from shared.openapi import PROBLEM_TYPE
from shared.request import AnalysisRequest
from shared.validation import Words

NOT_FOUND = 404
NOT_ENDED = "not_ended"
ENDED = "ended"
CONFLICTS = frozenset({KEY_REUSED, NOT_ENDED, ENDED})
"""Codes of RequestErrors about a request that is sound, but does not fit how things stand."""
_STATUS: Mapping[type[FedglmmError], int] = {
    UnknownAnalysisError: NOT_FOUND,
    CredentialsError: 401,
    RoleError: 403,
    NoResultError: 409,
    AccessError: 503,
    StoreError: 503,
    RequestError: 422,
    DictionaryError: 422,
}


def problem_response(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A Problem as an HTTP answer."""
    return Response(problem.model_dump_json(), status_code=status, headers=dict(headers or {}), media_type=PROBLEM_TYPE)


Answer = Callable[[Request, int, Problem, Mapping[str, str] | None], Response]
"""How a Problem is told to whoever asked: as JSON to programs, or as a page."""


def in_json(_request: Request, status: int, problem: Problem, headers: Mapping[str, str] | None) -> Response:
    """A Problem as programs read it."""
    return problem_response(status, problem, headers)


def install(app: FastAPI, answer: Answer = in_json) -> None:
    """Answers every error of an app with a Problem."""
    app.exception_handler(FedglmmError)(partial(_known, answer))
    app.exception_handler(RequestValidationError)(partial(_invalid, answer))
    app.exception_handler(HTTPException)(partial(_http, answer))
    app.exception_handler(Exception)(partial(_unforeseen, answer))


def status_of(error: FedglmmError) -> int:
    """The status of an answer that tells an error."""
    if error.code in CONFLICTS:
        return 409
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


async def _known(answer: Answer, request: Request, error: FedglmmError) -> Response:
    return answer(request, status_of(error), Problem.of(error), None)


async def _invalid(answer: Answer, request: Request, error: RequestValidationError) -> Response:
    return answer(request, 422, _not_valid(request_in_words(error, AnalysisRequest)), None)


def _not_valid(told: Words) -> Problem:
    remedy = told.remedy or "/docs describes every field."
    return Problem(code=RequestError.code, message=told.message, where=told.where, remedy=remedy)


async def _http(answer: Answer, request: Request, error: HTTPException) -> Response:
    if error.status_code == UNREADABLE:
        return answer(request, 422, _not_valid(NO_TEXT), None)
    remedy = "/docs lists what there is." if error.status_code == NOT_FOUND else ""
    problem = Problem(code=code_of(error.status_code), message=f"{error.detail}.", where="coordinator", remedy=remedy)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = _methods(request) or headers["Allow"]
    return answer(request, error.status_code, problem, headers)


def _methods(request: Request) -> str:
    """All methods that a path has; the framework names those of its first route only."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    found = [methods for path, methods in paths.items() if compile_path(path)[0].match(request.url.path)]
    return ", ".join(sorted(method.upper() for methods in found for method in methods))


async def _unforeseen(answer: Answer, request: Request, error: Exception) -> Response:
    problem = Problem(
        code=INTERNAL,
        message=f"the coordinator has a fault of its own ({type(error).__name__}).",
        where="coordinator",
        remedy="Its log says where; please report it.",
    )
    return answer(request, 500, problem, None)
