"""Every error that leaves the coordinator is a Problem: what happened, where, what to do. No value of a request in it."""

from collections.abc import Mapping
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
_STATUS: Mapping[type[FedglmmError], int] = {
    UnknownAnalysisError: NOT_FOUND,
    CredentialsError: 401,
    RoleError: 403,
    AccessError: 503,
    StoreError: 503,
    RequestError: 422,
    DictionaryError: 422,
}


def problem_response(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A Problem as an HTTP answer."""
    return Response(problem.model_dump_json(), status_code=status, headers=dict(headers or {}), media_type=PROBLEM_TYPE)


def install(app: FastAPI) -> None:
    """Answers every error of an app with a Problem."""
    app.exception_handler(FedglmmError)(_known)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(Exception)(_unforeseen)


def status_of(error: FedglmmError) -> int:
    """The status of an answer that tells an error."""
    if error.code == KEY_REUSED:
        return 409
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


async def _known(_request: Request, error: FedglmmError) -> Response:
    return problem_response(status_of(error), Problem.of(error))


async def _invalid(_request: Request, error: RequestValidationError) -> Response:
    return _not_valid(request_in_words(error, AnalysisRequest))


def _not_valid(told: Words) -> Response:
    remedy = told.remedy or "/docs describes every field."
    return problem_response(422, Problem(code=RequestError.code, message=told.message, where=told.where, remedy=remedy))


async def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code == UNREADABLE:
        return _not_valid(NO_TEXT)
    remedy = "/docs lists what there is." if error.status_code == NOT_FOUND else ""
    problem = Problem(code=code_of(error.status_code), message=f"{error.detail}.", where="coordinator", remedy=remedy)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = _methods(request) or headers["Allow"]
    return problem_response(error.status_code, problem, headers)


def _methods(request: Request) -> str:
    """All methods that a path has; the framework names those of its first route only."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    found = [methods for path, methods in paths.items() if compile_path(path)[0].match(request.url.path)]
    return ", ".join(sorted(method.upper() for methods in found for method in methods))


async def _unforeseen(_request: Request, error: Exception) -> Response:
    problem = Problem(
        code=INTERNAL,
        message=f"the coordinator has a fault of its own ({type(error).__name__}).",
        where="coordinator",
        remedy="Its log says where; please report it.",
    )
    return problem_response(500, problem)
