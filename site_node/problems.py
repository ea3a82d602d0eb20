"""What the site's web application answers instead of an answer: a Problem, whose text stands in no log."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.bodies import NO_TEXT, UNREADABLE, request_in_words
from shared.codes import DATA_CHANGED, code_of
from shared.errors import (
    ApprovalError,
    DataError,
    FedglmmError,
    RefusedError,
    RequestError,
    StoreError,
    UnknownAnalysisError,
)
from shared.messages import Problem
from shared.openapi import PROBLEM_TYPE
from shared.validation import Words
from site_node.data.rows_at_fault import RowError

LOGGED_TEXT = 200
"""Characters of a text of others that stand in the site's log."""

_log = structlog.get_logger()


def add_problems(app: FastAPI, site: str) -> None:
    """Every fault that the application knows is answered as a Problem, and stands in the site's log without its text."""

    @app.exception_handler(FedglmmError)
    async def known(request: Request, error: FedglmmError) -> Response:
        """A fault that this project knows."""
        analysis = request.path_params.get("analysis_id")
        row = error.row if isinstance(error, RowError) else None  # for the site's own eyes: not in the Problem
        _log.warning("problem", site=site, analysis=analysis, code=error.code, where=shortened(error.where), row=row)
        return answered_with(_status(error), Problem.of(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        """A request that is not of the form that the interface describes."""
        return _invalid(request_in_words(error))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        """What the framework refuses: no such path or method, a body that is no text."""
        if error.status_code == UNREADABLE:
            return _invalid(NO_TEXT)
        return answered_with(
            error.status_code, Problem(code=code_of(error.status_code), message=str(error.detail)), error.headers
        )


def _invalid(told: Words) -> Response:
    remedy = told.remedy or "See the site's /docs for what it takes."
    return answered_with(422, Problem(code=RequestError.code, message=told.message, where=told.where, remedy=remedy))


def answered_with(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer that a Problem is."""
    content: dict[str, Any] = problem.model_dump()
    return JSONResponse(content, status, headers, PROBLEM_TYPE)


def shortened(text: str) -> str:
    """What others wrote, for the log."""
    return text[:LOGGED_TEXT]


def _status(error: FedglmmError) -> int:
    match error:
        case RefusedError():
            return 403
        case UnknownAnalysisError():
            return 404
        case StoreError():
            return 503
        case ApprovalError():
            return 409
        case DataError() if error.code == DATA_CHANGED:
            return 409
        case _:
            return 422
