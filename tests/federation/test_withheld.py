"""Where a trial of a fit is too much that of a single unit, its site says nothing, thrice, and the step makes a shorter one."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from shared.contribution import WORTHLESS
from shared.masking.encoding import decode, total
from shared.masking.messages import MaskedReply
from site_node.release.entry import Entry
from site_node.release.history import History
from site_node.release.ledger import read_ledger
from site_node.release.policy import PolicyName
from site_node.release.withheld import MOST_WITHHELD
from tests.federation.real_sites import Heard, coordinator_of, ended, real_sites

pytestmark = pytest.mark.anyio
DICTIONARY = {"variables": [{"name": "d", "type": "integer"}, {"name": "x", "type": "number"}]}
REQUEST = {"formula": "d ~ x", "family": "binomial"}
PASSED, OFF_COURSE = 33, 13
"""Seeds: a trial goes too far, and the next one does not; the best psi itself is above the limit."""


def tables(seed: int) -> list[str]:
    """Three sites with a variable of long tails."""
    rng = np.random.default_rng(seed)
    files = []
    for site in range(3):
        x = np.round(rng.standard_t(2, size=40), 3)
        eta = 3 * (-0.5 + 0.7 * x * (1 if site else -1))
        d = (rng.random(40) < 1.0 / (1.0 + np.exp(-eta))).astype(int)
        files.append("d,x\n" + "".join(f"{one},{value!r}\n" for one, value in zip(d.tolist(), x.tolist(), strict=True)))
    return files


async def fitted(
    folder: Path, seed: int, policy: PolicyName, *, masked: bool
) -> tuple[dict[str, Any], dict[str, Heard]]:
    folder.mkdir()  # noqa: ASYNC240 -- before anything is served
    sites = real_sites(folder, DICTIONARY, tables(seed), policy, masked=masked)
    for name, heard in sites.items():
        heard.settings = heard.settings.model_copy(update={"history": folder / f"{name}.history.db"})
        heard.restart()
    return await ended(coordinator_of(folder, sites), **REQUEST), sites


def entries(heard: Heard) -> list[Entry]:
    return [one.entry for one in read_ledger(heard.settings.ledger).entries]


def withheld(heard: Heard) -> list[int | None]:
    """The rounds in which the site said nothing by the rule of leverage: its ledger has them."""
    found = [entry for entry in entries(heard) if entry.event == "round" and not entry.again]
    return [entry.round for entry in found if (entry.rule, entry.code) == ("G1", "leverage")]


def numbers(result: dict[str, Any], name: str) -> np.ndarray:
    return np.array([row[name] for row in result["ended_with"]["tidy"]])


@pytest.mark.parametrize("masked", [False, True])
async def test_a_fit_that_a_trial_takes_too_far_ends_with_the_estimates_of_one_without_a_policy(
    tmp_path: Path, masked: bool
) -> None:
    free, _ = await fitted(tmp_path / "open", PASSED, "open", masked=masked)
    held, sites = await fitted(tmp_path / "default", PASSED, "default", masked=masked)
    assert (free["state"], held["state"]) == ("converged", "converged")
    rounds = {name: withheld(heard) for name, heard in sites.items()}
    assert any(rounds.values()), "the policy had something to say"
    assert all(len(found) <= MOST_WITHHELD for found in rounds.values())
    error = numbers(held, "estimate") - numbers(free, "estimate")
    np.testing.assert_array_less(np.abs(error), 1e-7 * numbers(free, "std.error"))
    np.testing.assert_allclose(numbers(held, "std.error"), numbers(free, "std.error"), rtol=1e-7)


async def test_what_a_site_then_says_is_what_it_says_where_there_is_no_log_likelihood_and_no_word_more(
    tmp_path: Path,
) -> None:
    _, sites = await fitted(tmp_path / "default", PASSED, "default", masked=False)
    silent = [heard for heard in sites.values() if withheld(heard)]
    assert silent
    for heard in silent:
        said = [answer for asked, answer in heard.rounds() if asked["round"] in withheld(heard)]
        nothing = {"value": WORTHLESS, "gradient": [0.0] * 2, "hessian": [0.0] * 3, "information": None}
        assert said == [nothing] * len(withheld(heard))


async def test_the_same_question_gets_the_same_answer_after_a_restart_and_is_not_counted_again(tmp_path: Path) -> None:
    view, sites = await fitted(tmp_path / "default", PASSED, "default", masked=False)
    name, heard = next((name, heard) for name, heard in sites.items() if withheld(heard))
    prepare = next(asked for path, asked, _ in heard.messages if path == "prepare")
    question, answer = next(
        (asked, said) for _, asked, said in heard.messages if asked.get("round") == withheld(heard)[0]
    )
    heard.restart()
    async with httpx.AsyncClient(transport=heard, base_url="http://127.0.0.1") as http:
        await http.post(f"/v1/analyses/{view['id']}/prepare", json=prepare)
        again = await http.post(f"/v1/analyses/{view['id']}/contributions", json=question)
    assert again.json() == answer
    with History(tmp_path / "default" / f"{name}.history.db", b"known-to-the-site-alone").writing() as kept:
        assert kept.withheld(view["id"]) == {question["round"]}


@pytest.mark.parametrize("masked", [False, True])
async def test_the_fourth_trial_of_a_site_that_is_too_much_one_units_ends_the_fit_as_refused(
    tmp_path: Path, masked: bool
) -> None:
    view, sites = await fitted(tmp_path / "default", OFF_COURSE, "default", masked=masked)
    assert (view["state"], view["ended_with"]) == ("refused", None)
    refusals = {name: [entry for entry in entries(heard) if entry.event == "refused"] for name, heard in sites.items()}
    assert any(refusals.values())
    for name, found in refusals.items():
        assert {(entry.rule, entry.code) for entry in found} <= {("G1", "leverage")}
        assert not found or len(withheld(sites[name])) == MOST_WITHHELD


async def test_where_a_site_says_nothing_under_masks_the_sum_is_not_that_of_the_others(tmp_path: Path) -> None:
    _, bare = await fitted(tmp_path / "bare", PASSED, "open", masked=False)
    _, sites = await fitted(tmp_path / "masked", PASSED, "default", masked=True)
    silent = next(number for heard in sites.values() for number in withheld(heard))
    told, others = [], np.zeros(6)
    for name, heard in sites.items():
        told.append(next(answer for _, asked, answer in heard.messages if asked.get("round") == silent))
        if silent not in withheld(heard):
            said = next(answer for asked, answer in bare[name].rounds() if asked["round"] == silent)
            others += [said["value"], *said["gradient"], *said["hessian"]]
    count, quiet, *summed = decode(total(MaskedReply.model_validate(answer).fixed for answer in told))
    assert (count, quiet) == (3.0, 1.0), "all answered, and one of them says nothing"
    assert (np.abs(summed - others) > 1e-3 * np.abs(others)).all(), "it would say what one site alone has"
