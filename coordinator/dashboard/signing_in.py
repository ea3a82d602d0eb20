"""Signing in and out. Whoever shows a key here that the REST interface takes gets a session for it."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from coordinator.dashboard.errors import sign_in_page
from coordinator.dashboard.rendering import HEADERS, end_cookie, set_cookie
from coordinator.dashboard.visitor import (
    FORM_COOKIE,
    SESSION_COOKIE,
    Sent,
    cookie_of,
    note_refused,
    session_of,
    sessions_of,
)
from coordinator.routes.service import Given
from shared.errors import CredentialsError, RoleError
from shared.messages import Problem

HOME = "/analyses"
router = APIRouter()


@router.get("/sign-in")
async def sign_in(request: Request) -> Response:
    """The form."""
    return sign_in_page(request, None, after=HOME)


@router.post("/sign-in")
async def signed_in(request: Request, service: Given, form: Sent) -> Response:
    """Opens a session for a key, and goes on."""
    key, after = form.one("key"), _own_place(form.one("after"))
    try:
        await service.access.caller(f"Bearer {key}", request.headers.get("Host", ""))
    except (CredentialsError, RoleError) as error:
        note_refused(request, error)
        return sign_in_page(request, Problem.of(error), after=after)
    sessions = sessions_of(request)
    if session_of(request) is not None:
        sessions.end(cookie_of(request, SESSION_COOKIE) or "")
    response = RedirectResponse(after, 303, HEADERS)
    set_cookie(request, response, SESSION_COOKIE, sessions.open(key))
    end_cookie(request, response, FORM_COOKIE)
    return response


@router.post("/sign-out")
async def signed_out(request: Request, _form: Sent) -> Response:
    """Ends the session."""
    sessions_of(request).end(cookie_of(request, SESSION_COOKIE) or "")
    response = RedirectResponse("/sign-in", 303, HEADERS)
    end_cookie(request, response, SESSION_COOKIE)
    return response


def _own_place(place: str) -> str:
    """A path of this coordinator; home instead of anything that could lead elsewhere."""
    is_own = place.startswith("/") and not place.startswith("//") and "\\" not in place and place.isprintable()
    return place if is_own else HOME
