"""What the attacks start from."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
