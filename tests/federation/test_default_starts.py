"""How many sites began at the default start: counted in the sum of the starts, told where they are none or not few."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.client.fit import Fit
from coordinator.store import MemoryStore
from tests.federation.real_sites import Heard, coordinator_of, ended, real_sites

pytestmark = pytest.mark.anyio
DICTIONARY = {"variables": [{"name": "d", "type": "integer"}, {"name": "x", "type": "number"}]}
SITES = 5


def table(rng: np.random.Generator, *, separated: bool) -> str:
    """Forty rows; of a separated site with one row at the threshold, which is nearly all that its own optimum knows."""
    x = np.round(rng.normal(size=40), 3)
    d = (rng.random(40) < 1.0 / (1.0 + np.exp(-x))).astype(int)
    if separated:
        x = np.where(np.arange(40) == 0, 0.05, np.round(np.sign(x) * (1.0 + np.abs(x)), 3))
        d = (x > 0.0).astype(int)
    return "d,x\n" + "".join(f"{one},{value!r}\n" for one, value in zip(d.tolist(), x.tolist(), strict=True))


async def fitted(folder: Path, separated: int, *, masked: bool) -> tuple[dict[str, Any], int, dict[str, Heard]]:
    """The result, what the coordinator's store has of the count, and the sites."""
    folder.mkdir()  # noqa: ASYNC240 -- before anything is served
    rng = np.random.default_rng(3)
    tables = [table(rng, separated=site < separated) for site in range(SITES)]
    sites = real_sites(folder, DICTIONARY, tables, "default", masked=masked)
    store = Kept()
    view = await ended(coordinator_of(folder, sites, store), formula="d ~ x", family="binomial")
    assert view["state"] == "converged", view["problem"]
    start = store.start(view["id"])
    assert start is not None
    return view["ended_with"], start.at_default, sites


class Kept(MemoryStore):
    """Is read after its coordinator has stopped."""

    def close(self) -> None:
        """Nothing is forgotten."""


@pytest.mark.parametrize(("separated", "told"), [(0, None), (1, None), (2, None), (3, 3), (4, 4)])
async def test_the_count_is_that_of_the_sites_and_a_result_tells_of_three_and_more_under_masks_as_without(
    separated: int, told: int | None, tmp_path: Path
) -> None:
    for masked in (False, True):
        result, counted, _ = await fitted(tmp_path / str(masked), separated, masked=masked)
        assert (counted, result["convergence"]["default_starts"]) == (separated, told)


async def test_without_masks_a_site_says_so_of_itself_and_under_masks_no_answer_tells_which_it_was(
    tmp_path: Path,
) -> None:
    _, _, sites = await fitted(tmp_path / "open", 3, masked=False)
    starts = [answer["start"] for heard in sites.values() for _, _, answer in heard.messages if "start" in answer]
    assert [start["at_default"] for start in starts] == [1, 1, 1, 0, 0]
    _, _, sites = await fitted(tmp_path / "masked", 3, masked=True)
    answers = [
        answer for heard in sites.values() for _, asked, answer in heard.messages if asked.get("kind") == "start"
    ]
    assert [set(answer) for answer in answers] == [{"kind", "round", "numbers"}] * SITES
    assert len({len(answer["numbers"]) for answer in answers}) == 1, "nor does its length"


@pytest.mark.parametrize(
    ("separated", "words"), [(0, ""), (2, ""), (3, " 3 of 5 sites began at the default start, from which")]
)
async def test_a_summary_says_so_where_they_are_more_than_a_few(separated: int, words: str, tmp_path: Path) -> None:
    result, _, _ = await fitted(tmp_path / "sites", separated, masked=True)
    last = Fit(result).summary().splitlines()[-1]
    assert words in last
    assert ("default start" in last) == bool(words)
