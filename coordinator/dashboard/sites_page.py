"""The sites: who answers now, whether all have the same dictionary, and what each has refused lately, by which rule."""

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from coordinator.dashboard.rendering import page
from coordinator.dashboard.standing_of_sites import LOOKED_BACK, Agreement, Refusal, agreements, refusals
from coordinator.dashboard.visitor import Visiting
from coordinator.routes.consortium import sites as asked_now
from coordinator.routes.service import Given, Service
from shared.specification import sha256_of

router = APIRouter()


@router.get("/sites")
def sites(request: Request, service: Given, _visiting: Visiting) -> Response:
    """The page at once, without having asked anybody; the part with the answers is asked for by itself."""
    return page(request, "sites.html", names=tuple(service.sites), dictionary=service.dictionary, rows=None)


@router.get("/sites/now")
async def now(request: Request, service: Given, _visiting: Visiting) -> Response:
    """The page with every site's answer of this moment."""
    asked, past = await asyncio.gather(asked_now(service), asyncio.to_thread(_past, service))
    agreed, refused = past
    rows = [(site, agreed.get(site.name), refused.get(site.name, ())) for site in asked.sites]
    names = tuple(service.sites)
    return await asyncio.to_thread(page, request, "sites.html", names=names, dictionary=service.dictionary, rows=rows)


def _past(service: Service) -> tuple[Mapping[str, Agreement], Mapping[str, tuple[Refusal, ...]]]:
    """What the newest analyses tell of each site."""
    analyses = service.store.newest(limit=LOOKED_BACK)
    ours = sha256_of(service.dictionary)

    def is_ours(analysis_id: str) -> bool:
        return service.store.specification(analysis_id).dictionary_sha256 == ours

    return agreements(analyses, is_ours), refusals(analyses)
