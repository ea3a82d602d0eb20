"""A site whose rows only those of other sites hide joins one roster of them (G4), whichever round finds it so."""

from pathlib import Path

import httpx
import pytest

from tests.attacks.malicious import with_outlier
from tests.federation.fake_sites import client
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import Heard, coordinator_of, real_sites

pytestmark = pytest.mark.anyio
ALL, FEWER, OTHERS = (("S0", "S1", "S2", "S3"), ("S0", "S1", "S2"), ("S1", "S2", "S3"))
AT_ITS_START, AT_A_ROUND = 9.0, 6.0
"""An x of a row of S0: above the limit at its own optimum, and only at the psi that all sites come to."""


def remembering(folder: Path, x: float) -> dict[str, Heard]:
    sites = real_sites(folder, DICTIONARY, with_outlier(made_up(sites=4).tables(), x), "default", masked=True)
    for name, heard in sites.items():
        heard.settings = heard.settings.model_copy(update={"history": folder / f"{name}.history.db"})
        heard.restart()
    return sites


async def asked(http: httpx.AsyncClient, roster: tuple[str, ...]) -> str:
    """How it ends."""
    request = {"formula": "d ~ x", "family": "binomial", "sites": list(roster)}
    answer = await http.post("/v1/analyses", json=request, headers={"Prefer": "wait=60"})
    return str(answer.json()["state"])


@pytest.mark.parametrize(("x", "found"), [(AT_ITS_START, 0), (AT_A_ROUND, 1)])
async def test_a_site_that_passes_only_among_all_joins_one_roster_also_after_a_restart(
    tmp_path: Path, x: float, found: int
) -> None:
    sites = remembering(tmp_path, x)
    async with client(coordinator_of(tmp_path, sites)) as http:
        assert await asked(http, ALL) == "converged"
        for heard in sites.values():
            heard.restart()
        assert await asked(http, FEWER) == "refused"
        (refused,) = (asked for _, asked, answer in sites["S0"].messages if answer.get("code") == "other_roster")
        assert refused["round"] == found
        assert await asked(http, ALL) == "converged", "the same sites as before"
        assert await asked(http, OTHERS) == "converged", "these pass by their own rows"
