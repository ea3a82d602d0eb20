"""The consortium: its sites and its dictionary."""

import asyncio

from fastapi import APIRouter

from coordinator.routes.service import Given
from coordinator.site_client import SiteClient
from coordinator.views import SitesView, SiteView
from shared.dictionary import Dictionary
from shared.errors import FedglmmError
from shared.messages import Problem

router = APIRouter()


@router.get("/sites")
async def sites(service: Given) -> SitesView:
    """Every site, asked right now."""

    async def asked(site: SiteClient) -> SiteView:
        try:
            return SiteView.of(site.name, await site.about(), site.last_seen)
        except FedglmmError as error:
            return SiteView.of(site.name, Problem.of(error), site.last_seen)

    return SitesView(sites=tuple(await asyncio.gather(*(asked(site) for site in service.sites.values()))))


@router.get("/dictionary")
async def dictionary(service: Given) -> Dictionary:
    """The consortium's variables."""
    return service.dictionary
