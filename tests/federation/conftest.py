"""What the coordinator's tests start from."""

from pathlib import Path

import pytest

from tests.federation.fake_sites import FakeSite, honest_sites
from tests.federation.one_site import Site


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sites() -> dict[str, FakeSite]:
    return honest_sites()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
