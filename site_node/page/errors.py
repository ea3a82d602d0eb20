"""Errors as pages: what happened, where, and what to do."""

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from shared.codes import code_of
from shared.errors import CredentialsError, FedglmmError, RoleError, StoreError, UnknownAnalysisError
from shared.messages import Problem
from site_node.page.rendering import page

UNAUTHORISED = 401
TITLES = {
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    503: "Not now",
}


def add_errors(app: FastAPI) -> None:
    """Every fault that is known is told as a page."""

    @app.exception_handler(FedglmmError)
    async def known(request: Request, error: FedglmmError) -> Response:
        """A fault that this project knows."""
        return _page(request, _status(error), Problem.of(error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        """What the framework refuses: no such path or method."""
        status = error.status_code
        return _page(request, status, Problem(code=code_of(status), message=f"{error.detail}."))


def _page(request: Request, status: int, problem: Problem) -> Response:
    if status == UNAUTHORISED:
        return page(request, "sign_in.html", status, code="", problem=problem)
    return page(request, "error.html", status, title=TITLES.get(status, "This cannot be done"), problem=problem)


def _status(error: FedglmmError) -> int:
    match error:
        case CredentialsError():
            return UNAUTHORISED
        case RoleError():
            return 403
        case UnknownAnalysisError():
            return 404
        case StoreError():
            return 503
        case _:
            return 422
