"""Signing in by the link, and out. To follow the link does nothing yet: only the form on it uses it up."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from shared.errors import CredentialsError
from site_node.page.counter import Given
from site_node.page.rendering import page
from site_node.page.visitor import Sent, form_from_here

HOME = "/waiting"
router = APIRouter()


@router.get("/sign-in")
async def sign_in(request: Request, code: str = "") -> Response:
    """The form."""
    return page(request, "sign_in.html", code=code, problem=None)


@router.post("/sign-in")
async def signed_in(request: Request, counter: Given) -> Response:
    """Opens a session for the code."""
    form = await form_from_here(request)
    session = counter.door.enter(form.one("code"))
    if session is None:
        raise CredentialsError(
            "the link is not, or not any more, the one that lets in.",
            where="the site's page",
            remedy="Open the link that `fedglmm-site page` printed last.",
        )
    response = RedirectResponse(HOME, 303)
    response.set_cookie(counter.cookie, session, httponly=True, samesite="strict", path="/")
    return response


@router.post("/sign-out")
async def signed_out(request: Request, counter: Given, _form: Sent) -> Response:
    """Ends the session."""
    counter.door.sessions.end(request.cookies[counter.cookie])
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(counter.cookie, httponly=True, samesite="strict", path="/")
    return response
