"""A coordinator's pages with something on each of them: the beta-blocker trials, refused once and fitted once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from coordinator.client import Coordinator
from coordinator.client.demo import DATA, FORMULA, LEVELS, TOO_FEW_DEATHS
from coordinator.client.federation import federation
from shared.errors import RefusedError
from shared.request import AnalysisRequest


@dataclass(frozen=True)
class Desk:
    """Where it runs, and its pages by name."""

    url: str
    pages: Mapping[str, str]


@contextmanager
def desk() -> Iterator[Desk]:
    """Runs one."""
    with federation([str(DATA), "--by", "trial", "--levels", LEVELS]) as url, Coordinator(url) as coordinator:
        refused = coordinator.submit_request(AnalysisRequest(formula=FORMULA))
        with pytest.raises(RefusedError):
            coordinator.wait(refused, progress=False)
        names = tuple(site["name"] for site in coordinator.sites() if site["name"] != TOO_FEW_DEATHS)
        fitted = coordinator.submit_request(AnalysisRequest(formula=FORMULA, sites=names, title="Beta-blocker trials"))
        coordinator.wait(fitted, progress=False)
        pages = {
            "analyses": "/analyses",
            "new": f"/analyses/new?again={fitted}",
            "how-it-went": f"/analyses/{fitted}",
            "refused": f"/analyses/{refused}",
            "result": f"/analyses/{fitted}/result",
            "ratios": f"/analyses/{fitted}/result?exponentiate=true",
            "report": f"/analyses/{fitted}/report",
            "sites": "/sites",
            "sign-in": "/sign-in",
            "not-found": "/analyses/nobody-has-this",
            "interface": "/docs",
        }
        yield Desk(url, pages)
