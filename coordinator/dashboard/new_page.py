"""A new analysis: a form that knows the dictionary, says what would be fitted, and how to ask for it without the form."""

import asyncio
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from coordinator.access.roles import Role
from coordinator.calls import calls
from coordinator.dashboard.draft import Draft, marked, written
from coordinator.dashboard.rendering import HEADERS, page
from coordinator.dashboard.signing_in import HOME
from coordinator.dashboard.visitor import Sent, Visiting
from coordinator.problems import CONFLICTS
from coordinator.routes.service import Given, Service
from shared.dictionary import SITE
from shared.errors import ConsortiumError, DictionaryError, RequestError
from shared.families import LINKS
from shared.page.forms import Form
from shared.page.sessions import token
from shared.specification import sha256_of
from shared.wire import AnalysisId

NOT_POSSIBLE = (RequestError, DictionaryError, ConsortiumError)
"""What can be wrong with what somebody wrote."""
UNPROCESSABLE = 422
router = APIRouter()


@router.get("/analyses/new")
def new(
    request: Request, service: Given, visiting: Visiting, again: Annotated[AnalysisId | None, Query()] = None
) -> Response:
    """The form: empty, or as the request of an earlier analysis, to repeat it with a change."""
    visiting.require(Role.RUN)
    draft = Draft.empty(service.desk.sites)
    if again is not None:
        draft = Draft.of_request(service.store.get(again).request, service.desk.sites)
    told = _told(request, service, draft) if again is not None else None
    return _form(request, service, draft, told, once=token())


@router.post("/analyses/new")
async def sent(request: Request, service: Given, visiting: Visiting, form: Sent) -> Response:
    """Writes the formula of a choice, or says what would be fitted, or submits it."""
    draft, once = Draft.sent(form), form.one("once")
    if form.one("do") == "write":
        draft = _with_choice(draft, form)
    elif form.one("do") == "submit":
        return await _submitted(request, service, visiting.name, draft, once)
    return _form(request, service, draft, _told(request, service, draft), once=once)


@router.post("/analyses/new/check")
def checked(request: Request, service: Given, _visiting: Visiting, form: Sent) -> Response:
    """The part of the page that says what would be fitted, while the form is being written."""
    return page(request, "check.html", told=_told(request, service, Draft.sent(form)))


async def _submitted(request: Request, service: Service, owner: str | None, draft: Draft, once: str) -> Response:
    """Submits it; sent twice from one page, the same request is one analysis."""
    try:
        wanted = draft.request(service.desk.sites)
        key = sha256(f"{once} {sha256_of(wanted)}".encode()).hexdigest()
        analysis, is_new = await asyncio.to_thread(service.desk.submit, wanted, key, owner)
    except NOT_POSSIBLE as error:
        if error.code in CONFLICTS:
            raise
        told = {"problem": error, "marked": marked(draft.texts["formula"], error)}
        return _form(request, service, draft, told, once=once, status=UNPROCESSABLE)
    if is_new:
        service.runner.run(analysis.id)
    return RedirectResponse(f"{HOME}/{analysis.id}", 303, HEADERS)


def _told(request: Request, service: Service, draft: Draft) -> Mapping[str, Any]:
    """What would be fitted, or what is wrong."""
    try:
        wanted = draft.request(service.desk.sites)
        specification = service.desk.specification(wanted)
    except NOT_POSSIBLE as error:
        return {"problem": error, "marked": marked(draft.texts["formula"], error)}
    address = str(request.base_url).rstrip("/")
    return {
        "problem": None,
        "marked": None,
        "specification": specification,
        "json": json.dumps(specification.model_dump(mode="json"), indent=2, ensure_ascii=False),
        "calls": calls(wanted, address, keyed=service.access.asks),
    }


def _with_choice(draft: Draft, form: Form) -> Draft:
    """With the formula of the variables that were chosen, if a response is among them."""
    response = form.one("response")
    formula = written(response, form.all("terms"), form.one("group")) if response else draft.texts["formula"]
    return Draft({**draft.texts, "formula": formula}, draft.sites, draft.reml)


def _form(
    request: Request,
    service: Service,
    draft: Draft,
    told: Mapping[str, Any] | None,
    *,
    once: str,
    status: int = 200,
) -> Response:
    variables = service.dictionary.variables
    return page(
        request,
        "new.html",
        status,
        draft=draft,
        told=told,
        once=once,
        sites=service.desk.sites,
        variables=variables,
        numbers=[one.name for one in service.dictionary.columns if one.type in {"number", "integer"}],
        groups=[SITE, *(one.name for one in variables if one.type == "group")],
        links=LINKS,
    )
