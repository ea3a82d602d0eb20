"""What the tests of single pieces start from."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
