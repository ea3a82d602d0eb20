"""What the coordinator's tests start from."""

import pytest

from tests.federation.fake_sites import FakeSite, honest_sites


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sites() -> dict[str, FakeSite]:
    return honest_sites()
