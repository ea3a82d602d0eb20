"""Every error that leaves the coordinator is a Problem: what happened, where, what to do. No value of a request in it."""

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from coordinator.submission import KEY_REUSED
from shared.errors import DictionaryError, FedglmmError, RequestError, StoreError, UnknownAnalysisError
from shared.messages import Problem
from shared.specification import AnalysisRequest
from shared.validation import in_words

MEDIA_TYPE = "application/problem+json"


def problem_response(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A Problem as an HTTP answer."""
    return Response(problem.model_dump_json(), status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answers every error of an app with a Problem."""
    app.exception_handler(FedglmmError)(_known)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(Exception)(_unforeseen)


def _status(error: FedglmmError) -> int:
    if isinstance(error, UnknownAnalysisError):
        return 404
    if error.code == KEY_REUSED:
        return 409
    if isinstance(error, StoreError):
        return 503
    return 422 if isinstance(error, (RequestError, DictionaryError)) else 500


async def _known(_request: Request, error: FedglmmError) -> Response:
    return problem_response(_status(error), Problem.of(error))


async def _invalid(_request: Request, error: RequestValidationError) -> Response:
    told = in_words(error, AnalysisRequest)
    remedy = told.remedy or "/docs describes every field."
    return problem_response(422, Problem(code="request", message=told.message, where=told.where, remedy=remedy))


async def _http(_request: Request, error: HTTPException) -> Response:
    code = {401: "unauthorised", 404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http")
    remedy = {401: "Send `Authorization: Bearer KEY`.", 404: "/docs lists what there is."}.get(error.status_code, "")
    problem = Problem(code=code, message=f"{error.detail}.", where="coordinator", remedy=remedy)
    return problem_response(error.status_code, problem, error.headers)


async def _unforeseen(_request: Request, error: Exception) -> Response:
    problem = Problem(
        code="internal",
        message=f"the coordinator has a fault of its own ({type(error).__name__}).",
        where="coordinator",
        remedy="Its log says where; please report it.",
    )
    return problem_response(500, problem)
