"""Groups within sites, and within groups, through the real coordinator and real sites: the pooled fit, and what is released."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.inference import random_quantities
from shared.optimisation.state import State
from shared.parameters import ParameterLayout, Term
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from site_node.release.policy import PolicyName
from tests.federation.made_up import DICTIONARY, MadeUp, made_up
from tests.federation.real_sites import coordinator_of, ended, real_sites
from tests.reference.cases import fit

pytestmark = pytest.mark.anyio

LINKS = {"gaussian": "identity", "binomial": "logit", "poisson": "log"}
RESPONSES = {"gaussian": "y", "binomial": "d", "poisson": "k"}


def pooled(data: MadeUp, family: str, *, slope: bool = False) -> State:
    """All rows in one place, the clinics within the sites."""
    columns = ("(Intercept)", "x") if slope else ("(Intercept)",)
    n, q = len(data.x), len(columns)
    X = np.column_stack([np.ones(n), data.x])
    rows = Rows.sorted_by_group(
        X=X,
        Z=np.asfortranarray(X[:, :q]),
        y=getattr(data, RESPONSES[family]),
        weight=np.ones(n),
        offset=np.zeros(n),
        group=data.clinic,
        outer=data.site,
        effects=(*range(q), 0),
    )
    built = REGISTRY[family, LINKS[family]]
    terms = (Term(columns, group="site"), Term(("(Intercept)",), group="clinic"))
    return fit([rows], Model(ParameterLayout(("(Intercept)", "x"), terms, built.dispersion), built))


def rows_of(result: dict[str, Any], effect: str) -> list[dict[str, Any]]:
    return [row for row in result["tidy"] if row["effect"] == effect]


@pytest.mark.parametrize("family", LINKS)
@pytest.mark.parametrize("slope", [False, True])
async def test_clinics_within_sites_have_the_pooled_fit(tmp_path: Path, family: str, slope: bool) -> None:
    data = made_up()
    response, outer = RESPONSES[family], "1 + x" if slope else "1"
    # a few large counts carry most of what 45 rows say: that passes only among all sites, by a sum that has a proof
    policy: PolicyName = "open" if family == "poisson" else "default"
    sites = real_sites(tmp_path, DICTIONARY, data.tables(), policy=policy)
    formula = f"{response} ~ x + ({outer} | site) + (1 | clinic)"
    view = await ended(coordinator_of(tmp_path, sites), formula=formula, family=family)
    whole, result = pooled(data, family, slope=slope), view["ended_with"]
    assert view["state"] == whole.ending == "converged"
    quantities = random_quantities(whole.layout, whole.psi, whole.basis)
    errors = np.array([row["std.error"] for row in rows_of(result, "fixed") + rows_of(result, "ran_pars")])
    found = np.array([row["estimate"] for row in rows_of(result, "fixed") + rows_of(result, "ran_pars")])
    expected = np.array([*whole.psi[:2], *(quantity.value for quantity in quantities)])
    assert np.max(np.abs(found - expected) / errors) < 3e-8
    assert result["glance"]["logLik"] == pytest.approx(whole.log_likelihood, rel=1e-12)
    groups = ["site", *(["site", "site"] if slope else []), "clinic", *(["Residual"] if family == "gaussian" else [])]
    assert [row["group"] for row in rows_of(result, "ran_pars")] == groups
    assert result["glance"]["ngrps"] == {"site": 6, "clinic": 30}
    assert [site["groups"] for site in result["roster"]] == [{"site": 1, "clinic": 5}] * 6


@pytest.mark.parametrize(
    "written", ["(1 | clinic) + (1 | site)", "(1 | site/clinic)", "(1 | site) + (1 | site:clinic)"]
)
async def test_other_ways_to_write_it_are_the_same_fit(tmp_path: Path, written: str) -> None:
    sites = real_sites(tmp_path, DICTIONARY, made_up().tables())
    results = []
    for bars in ("(1 | site) + (1 | clinic)", written):
        view = await ended(coordinator_of(tmp_path, sites), formula=f"y ~ x + {bars}", family="gaussian")
        results.append(view["ended_with"])
    assert results[0]["tidy"] == results[1]["tidy"]


async def test_the_sites_effects_are_released_and_a_clinics_never(tmp_path: Path) -> None:
    """A site's effect is the best linear unbiased prediction, with the covariance of all its rows in full."""
    data = made_up()
    sites = real_sites(tmp_path, DICTIONARY, data.tables())
    view = await ended(coordinator_of(tmp_path, sites), formula="y ~ x + (1 | site) + (1 | clinic)", family="gaussian")
    result = view["ended_with"]
    beta = np.array([row["estimate"] for row in rows_of(result, "fixed")])
    of_site, of_clinic, sigma = (row["estimate"] for row in rows_of(result, "ran_pars"))
    released = rows_of(result, "ran_vals")
    assert [(row["group"], row["level"], row["term"]) for row in released] == [
        ("site", name, "(Intercept)") for name in sites
    ]
    for site, row in enumerate(released):
        own = data.site == site
        same = data.clinic[own][:, None] == data.clinic[own][None, :]
        V = of_site**2 + of_clinic**2 * same + sigma**2 * np.eye(own.sum())
        solved = np.linalg.solve(
            V, np.column_stack([data.y[own] - beta[0] - beta[1] * data.x[own], np.ones(own.sum())])
        )
        mode, explained = of_site**2 * solved[:, 0].sum(), of_site**4 * solved[:, 1].sum()
        assert row["estimate"] == pytest.approx(mode, abs=1e-9)
        assert row["std.error"] == pytest.approx(np.sqrt(of_site**2 - explained), rel=1e-9)
    for heard in sites.values():
        closed = [said for path, _, said in heard.messages if path == "close"]
        assert [len(one["site_effect"]["modes"]) for one in closed] == [1]


async def test_wards_within_clinics_are_counted_in_each_and_release_nothing(tmp_path: Path) -> None:
    sites = real_sites(tmp_path, DICTIONARY, made_up(rows=12).tables())
    found = {}
    for bars in ("(1 | clinic/ward)", "(1 | clinic) + (1 | unit)"):
        view = await ended(coordinator_of(tmp_path, sites), formula=f"y ~ x + {bars}", family="gaussian")
        found[bars] = view["ended_with"]
    nested, named_apart = found.values()
    assert nested["glance"]["ngrps"] == {"clinic": 30, "ward:clinic": 90}
    assert named_apart["glance"]["ngrps"] == {"clinic": 30, "unit": 90}
    assert nested["glance"]["logLik"] == pytest.approx(named_apart["glance"]["logLik"], rel=1e-12)
    assert rows_of(nested, "ran_vals") == rows_of(named_apart, "ran_vals") == []
    assert all(
        said["site_effect"] is None for heard in sites.values() for path, _, said in heard.messages if path == "close"
    )


@pytest.mark.parametrize("bars", ["(1 | clinic) + (1 | ward)", "(1 | unit) + (1 | clinic)"])
async def test_crossed_groups_and_smaller_ones_written_first_are_refused_in_words(tmp_path: Path, bars: str) -> None:
    """Every ward has rows in every clinic; a clinic has several units."""
    sites = real_sites(tmp_path, DICTIONARY, made_up().tables())
    view = await ended(coordinator_of(tmp_path, sites), formula=f"y ~ x + {bars}", family="gaussian")
    outer, inner = ("clinic", "ward") if "ward" in bars else ("unit", "clinic")
    assert (view["state"], view["round"]) == ("refused", 0)
    assert {one["code"] for one in view["problems"]} == {"not_nested"}
    assert view["problem"]["where"] == ", ".join(sites)
    for one in view["problems"]:
        assert f"a group of `{inner}` lies in several groups of `{outer}`" in one["message"]
        assert ("(1 | clinic/ward)" if "ward" in bars else "(1 | clinic) + (1 | unit)") in one["remedy"]


async def test_what_a_site_says_of_its_groups_holds_no_label(tmp_path: Path) -> None:
    sites = real_sites(tmp_path, DICTIONARY, [table.replace(",c", ",Zurich") for table in made_up().tables()])
    for bars in ("(1 | site) + (1 | clinic)", "(1 | clinic) + (1 | ward)"):
        await ended(coordinator_of(tmp_path, sites), formula=f"y ~ x + {bars}", family="gaussian")
    assert "Zurich" not in str([heard.messages for heard in sites.values()])
