"""One browser for the tests of a file; each has a page of its own.

Not one for all: as long as Playwright runs, its event loop does too, and none of another test can run in the same process.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running
