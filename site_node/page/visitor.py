"""Who visits, and that a form comes from a page of ours: the same for every page."""

import hmac
from typing import Annotated

import structlog
from fastapi import Depends, Request

from shared.errors import CredentialsError, RoleError
from shared.page.forms import FORM_FIELD, Form
from shared.page.sessions import Session
from site_node.page.counter import Given
from site_node.problems import shortened

MOST_FIELDS = 20
_log = structlog.get_logger()


async def visitor(request: Request, counter: Given) -> Session:
    """Who visits. Every page but the sign-in depends on it.

    Raises:
        CredentialsError: nobody is signed in, or not any more.
    """
    session = counter.door.sessions.find(request.cookies.get(counter.cookie, ""))
    if session is None:
        ended = counter.cookie in request.cookies
        raise CredentialsError(
            "your session has ended." if ended else "this page needs a sign-in.",
            where="the site's page",
            remedy="Open the link that `fedglmm-site page` printed last.",
        )
    request.state.form_token = session.form_token
    return session


Visiting = Annotated[Session, Depends(visitor)]


async def form_from_here(request: Request) -> Form:
    """A form that a page at this very address sent.

    Raises:
        RoleError: a page elsewhere did.
        RequestError: it is no form.
    """
    if request.headers.get("Origin", "") != f"http://{request.headers['Host']}":
        raise _elsewhere(request)
    return Form.read(await request.body(), MOST_FIELDS)


async def sent_form(request: Request, session: Visiting) -> Form:
    """A form that a page of this very session sent.

    Raises:
        RoleError: another one did.
        RequestError: it is no form.
    """
    form = await form_from_here(request)
    if not hmac.compare_digest(form.one(FORM_FIELD).encode(), session.form_token.encode()):
        raise _elsewhere(request)
    return form


Sent = Annotated[Form, Depends(sent_form)]


def _elsewhere(request: Request) -> RoleError:
    _log.warning("page refused", path=shortened(request.url.path), problem="a form from elsewhere")
    return RoleError(
        "the form was not sent from a page that is yours now.",
        where="the site's page",
        remedy="Open the page anew, and send it from there.",
    )
