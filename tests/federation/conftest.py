"""What the coordinator's tests start from."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.federation.fake_sites import FakeSite, build, honest_sites
from tests.federation.one_site import Site
from tests.federation.pages import Visitor, visitor

PATIENCE = 60.0
"""Seconds that a missing site is waited for: what is paused stays so, however slow the machine is."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sites() -> dict[str, FakeSite]:
    return honest_sites()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
async def app(tmp_path: Path, sites: dict[str, FakeSite]) -> AsyncIterator[FastAPI]:
    """A coordinator of these sites that asks nobody for a key."""
    made = build(tmp_path, sites, patience=PATIENCE)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def anna(app: FastAPI) -> AsyncIterator[Visitor]:
    """Somebody at its pages."""
    async with visitor(app) as somebody:
        yield somebody
