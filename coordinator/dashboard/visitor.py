"""Who visits a page: found out for every page alike, by the session's key; and that a form comes from a page of ours."""

import hmac
from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import Depends, Request

from coordinator.access.roles import COORDINATOR, Caller, Role
from coordinator.guard import LOGGED_TEXT, READING
from coordinator.routes.service import Given, Service
from shared.errors import AccessError, CredentialsError, RoleError
from shared.page.forms import FORM_FIELD, Form
from shared.page.sessions import Session, Sessions, token

LOG = structlog.get_logger(__name__)
SESSION_COOKIE = "fedglmm-session"
FORM_COOKIE = "fedglmm-form"
"""Before a sign-in, and where there is none: a form's token, as a form cannot know it that another page made."""
HOST_ONLY = "__Host-"
"""Before the names of both where the browser came by HTTPS: it takes such a cookie from this very host only, and by HTTPS."""
MOST_FIELDS = 1000
PART_OF_A_PAGE = "HX-Request"
"""The header by which a script asks for a part of a page."""
NO_SESSION = "this page needs a sign-in.", "Sign in with your key."
ENDED = (
    "your session has ended: after its time, or with a restart of the coordinator.",
    "Sign in with your key: you come back to this page. What was under way goes on.",
)


async def visitor(request: Request, service: Given) -> Caller:
    """Who visits. Every page but the sign-in depends on it.

    Raises:
        CredentialsError: nobody is signed in, or not any more.
        RoleError: the role does not allow it; or, where everybody may ask, another name than this machine's own led here.
        AccessError: that cannot be found out now.
    """
    session = session_of(request)
    try:
        shown = f"Bearer {session.key}" if session else ""
        caller = await service.access.caller(shown, request.headers.get("Host", ""))
        caller.require(Role.READ if request.method in READING else Role.RUN)
    except AccessError as error:
        if session is not None and isinstance(error, CredentialsError):
            raise  # the session stays, and lets nobody in: a page may be loaded twice, and each time says why
        if isinstance(error, CredentialsError):
            message, remedy = NO_SESSION if cookie_of(request, SESSION_COOKIE) is None else ENDED
            raise CredentialsError(message, where=COORDINATOR, remedy=remedy) from None
        note_refused(request, error)
        raise
    request.state.caller = caller
    return caller


Visiting = Annotated[Caller, Depends(visitor)]


async def still_visits(request: Request, service: Service) -> bool:
    """Whether who visited would be shown the page once more, of a request whose answer goes on. That is no use of the session."""
    session = sessions_of(request).find(cookie_of(request, SESSION_COOKIE) or "", by_itself=True)
    return await service.access.admits(f"Bearer {session.key}" if session else "", request.headers.get("Host", ""))


def cookie_of(request: Request, name: str) -> str | None:
    """What the browser keeps of ours. Behind a proxy that encrypts nothing tells that it came by HTTPS: then either name does."""
    kept = request.cookies.get(HOST_ONLY + name)
    return request.cookies.get(name) if kept is None and request.url.scheme != "https" else kept


def sessions_of(request: Request) -> Sessions:
    """All sessions."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def session_of(request: Request) -> Session | None:
    """The session that a request belongs to; none if there is none, or not any more."""
    if not hasattr(request.state, "session"):
        by_itself = PART_OF_A_PAGE in request.headers
        session_id = cookie_of(request, SESSION_COOKIE) or ""
        request.state.session = sessions_of(request).find(session_id, by_itself=by_itself)
    found: Session | None = request.state.session
    return found


def form_token(request: Request) -> str:
    """What the forms of this visitor hold: the session's token, or else that of a cookie, which the answer sets."""
    session = session_of(request)
    if session is not None:
        return session.form_token
    if not hasattr(request.state, "form_token"):
        request.state.form_token = cookie_of(request, FORM_COOKIE) or token()
    made: str = request.state.form_token
    return made


async def sent_form(request: Request) -> Form:
    """The form that was sent, if a page of this coordinator sent it.

    Raises:
        RoleError: another site's page sent it, or one of before the sign-in.
        RequestError: it is no form.
    """
    form = Form.read(await request.body(), MOST_FIELDS)
    origin = urlsplit(request.headers.get("Origin", "")).netloc
    same_place = origin != "" and origin == request.headers.get("Host")
    same_token = hmac.compare_digest(form.one(FORM_FIELD).encode(), form_token(request).encode())
    if not (same_place and same_token):
        error = RoleError(
            "the form was not sent from a page that is yours now.",
            where=COORDINATOR,
            remedy="Open the page anew, and send it from there.",
        )
        note_refused(request, error)
        raise error
    return form


Sent = Annotated[Form, Depends(sent_form)]


def note_refused(request: Request, error: AccessError) -> None:
    """Writes down that somebody was not let in."""
    client, path = request.client.host if request.client else None, request.url.path[:LOGGED_TEXT]
    LOG.warning("not_let_in", client=client, method=request.method, path=path, problem=error.message)
