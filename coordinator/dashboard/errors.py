"""Errors as pages: what happened, and what to do, in words. Programs are answered with the same Problem as JSON."""

from collections.abc import Mapping

from fastapi import Request, Response

from coordinator.dashboard.addresses import for_readers
from coordinator.dashboard.rendering import page
from coordinator.dashboard.visitor import PART_OF_A_PAGE
from coordinator.guard import PROTECTED
from coordinator.problems import problem_response
from shared.messages import Problem

UNAUTHORISED = 401
TITLES = {
    401: "Sign in",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "Not as things stand",
    422: "This cannot be carried out",
    500: "A fault of the coordinator's own",
    503: "Not now",
}


def answer(request: Request, status: int, problem: Problem, headers: Mapping[str, str] | None) -> Response:
    """A Problem as a page, where a page was asked for."""
    if not wants_page(request):
        return problem_response(status, problem, headers)
    if status == UNAUTHORISED:
        return sign_in_page(request, problem, after=_back_to(request), headers=headers)
    title = TITLES.get(status, "Something is wrong")
    told = for_readers(request.method, request.url.path, status, problem)
    return page(request, "error.html", status, headers=headers, title=title, problem=told)


def sign_in_page(
    request: Request, problem: Problem | None, *, after: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The sign-in, which goes on to where somebody wanted to go. For a part of a page, the whole page is loaded anew first.

    But not while a form is being written, which would be lost.
    """
    is_part = PART_OF_A_PAGE in request.headers and request.method == "GET"
    refreshed = {"HX-Refresh": "true"} if is_part else {}
    status = 200 if problem is None else UNAUTHORISED
    return page(request, "sign_in.html", status, headers={**(headers or {}), **refreshed}, problem=problem, after=after)


def wants_page(request: Request) -> bool:
    """Whether a browser asks, outside of what is for programs."""
    return not request.url.path.startswith(PROTECTED) and (
        "text/html" in request.headers.get("Accept", "") or PART_OF_A_PAGE in request.headers
    )


def _back_to(request: Request) -> str:
    """A page that was asked for; what a form would have done is not done later."""
    if request.method != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
