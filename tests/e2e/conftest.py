"""The federation of those tests that need no other settings and leave it as they found it, and the R package."""

from collections.abc import Iterator

import pytest

from tests.e2e.r_package import Library, build
from tests.e2e.small_federation import Federation, small_federation


@pytest.fixture(scope="session")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    with small_federation(tmp_path_factory.mktemp("federation")) as running:
        yield running


@pytest.fixture(scope="session")
def r_library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = Library(tmp_path_factory.mktemp("library"))
    library.install(build(tmp_path_factory.mktemp("package")))
    return library
