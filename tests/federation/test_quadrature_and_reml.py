"""Quadrature and restricted likelihoods through the real coordinator and real sites, held to what they are exactly."""

import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss

from shared.optimisation.raising import ENOUGH
from tests.federation.made_up import DICTIONARY, MadeUp, made_up
from tests.federation.real_sites import Heard, coordinator_of, ended, real_sites

pytestmark = pytest.mark.anyio

FORMULA = "d ~ x + (1 | clinic)"


async def fitted(folder: Path, data: MadeUp, **request: Any) -> tuple[dict[str, Any], dict[str, Heard]]:
    """The result, and the sites that it came from."""
    sites = real_sites(folder, DICTIONARY, data.tables())
    view = await ended(coordinator_of(folder, sites), **request)
    assert view["state"] == "converged", view["problem"]
    return view["ended_with"], sites


def estimates(result: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    return {(row["group"] or "", row["term"]): row["estimate"] for row in result["tidy"] if row["effect"] != "ran_vals"}


def exact(data: MadeUp, result: Mapping[str, Any]) -> float:
    """The log-likelihood at the estimates, every clinic's effect integrated over 120 standard deviations' worth of nodes."""
    found = estimates(result)
    nodes, weights = hermegauss(120)
    eta = found["", "(Intercept)"] + found["", "x"] * data.x[:, None] + found["clinic", "sd__(Intercept)"] * nodes
    rows = data.d[:, None] * eta - np.logaddexp(0.0, eta)
    value = 0.0
    for clinic in np.unique(data.clinic):
        value += math.log(weights @ np.exp(rows[data.clinic == clinic].sum(axis=0)) / math.sqrt(2.0 * math.pi))
    return value


async def test_more_points_come_nearer_to_the_integral_and_every_round_has_as_many_as_agreed(tmp_path: Path) -> None:
    data = made_up()
    errors = {}
    for points in (1, 5, 25):
        result, sites = await fitted(tmp_path, data, formula=FORMULA, quadrature_points=points)
        errors[points] = abs(result["glance"]["logLik"] - exact(data, result))
        assert result["convergence"]["quadrature"] == {"points": points, "path": None}
        for heard in sites.values():
            assert {asked["quadrature_points"] for asked, _ in heard.rounds()} == {points}
    assert errors[1] > 0.01
    assert errors[5] < errors[1] / 50
    assert errors[25] < 1e-9


async def test_auto_reports_its_path_and_ends_where_the_log_likelihood_stands_still(tmp_path: Path) -> None:
    data = made_up()
    result, sites = await fitted(tmp_path, data, formula=FORMULA, quadrature_points="auto")
    groups = result["glance"]["ngrps"]["clinic"]
    told = result["convergence"]["quadrature"]
    points = [rung["points"] for rung in told["path"]]
    changes = [rung["change_per_group"] for rung in told["path"]]
    assert points[:2] == [1, 5]
    assert told["points"] == points[-1]
    assert changes[0] is None
    assert all(abs(change) > ENOUGH for change in changes[1:-1])
    assert abs(changes[-1]) <= ENOUGH
    assert abs(result["glance"]["logLik"] - exact(data, result)) < ENOUGH * groups
    heard = sites["S0"].rounds()
    assert sorted({asked["quadrature_points"] for asked, _ in heard}) == points
    for before, after in pairwise(heard):  # more of them are first tried where fewer had their optimum
        if after[0]["quadrature_points"] != before[0]["quadrature_points"]:
            assert (
                before[0]["psi"] == after[0]["psi"]
                or not result["convergence"]["trace"][before[0]["round"] - 1]["accepted"]
            )
    asked_of_all = [[asked for asked, _ in one.rounds()] for one in sites.values()]
    assert all(asked == asked_of_all[0] for asked in asked_of_all)


async def test_auto_has_the_fit_of_the_points_that_it_found(tmp_path: Path) -> None:
    data = made_up()
    auto, _ = await fitted(tmp_path, data, formula=FORMULA, quadrature_points="auto")
    points = auto["convergence"]["quadrature"]["points"]
    fixed, _ = await fitted(tmp_path, data, formula=FORMULA, quadrature_points=points)
    assert auto["glance"]["logLik"] == pytest.approx(fixed["glance"]["logLik"], rel=1e-13)
    for place, estimate in estimates(fixed).items():
        assert estimates(auto)[place] == pytest.approx(estimate, abs=1e-8)
    assert auto["convergence"]["rounds"] > fixed["convergence"]["rounds"]


async def test_of_a_gaussian_model_auto_is_content_with_the_second_number(tmp_path: Path) -> None:
    """The Laplace approximation is exact, so nothing moves."""
    request = {"formula": "y ~ x + (1 | clinic)", "family": "gaussian"}
    result, _ = await fitted(tmp_path, made_up(), **request, quadrature_points="auto")
    _, (points, change) = [tuple(rung.values()) for rung in result["convergence"]["quadrature"]["path"]]
    assert (points, change) == (5, pytest.approx(0.0, abs=1e-10))


async def test_the_effects_of_the_site_come_with_quadrature_too_and_the_summary_names_the_points(
    tmp_path: Path,
) -> None:
    result, sites = await fitted(tmp_path, made_up(), formula="d ~ x + (1 | site)", quadrature_points="auto")
    assert [row["level"] for row in result["tidy"] if row["effect"] == "ran_vals"] == list(sites)


class Forgetful(Heard):
    """It restarts just before it is to close for the first time."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/close") and all(path != "close" for path, _, _ in self.messages):
            self.restart()
        return await super().handle_async_request(request)


async def test_a_site_that_restarts_before_the_close_is_asked_again_at_the_points_that_were_found(
    tmp_path: Path,
) -> None:
    request = {"formula": "d ~ x + (1 | site)", "quadrature_points": "auto"}
    sites = real_sites(tmp_path, DICTIONARY, made_up().tables())
    undisturbed = (await ended(coordinator_of(tmp_path, sites), **request))["ended_with"]
    sites["S2"] = forgetful = Forgetful(sites["S2"].settings)
    result = (await ended(coordinator_of(tmp_path, sites), **request))["ended_with"]
    assert result["tidy"] == undisturbed["tidy"]
    rounds = [asked for asked, _ in forgetful.rounds()]
    assert rounds[-1] == next(asked for asked in reversed(rounds[:-1]) if asked["psi"] == rounds[-1]["psi"])
    assert rounds[-1]["quadrature_points"] == result["convergence"]["quadrature"]["points"] > 1


def mean_squares(data: MadeUp) -> tuple[float, float, float]:
    """Between sites, between clinics of a site, and within clinics: all sites have as many clinics of as many rows."""
    sites, clinics = int(data.site.max()) + 1, int(data.clinic.max()) + 1
    of_clinic = np.array([data.y[data.clinic == k].mean() for k in range(clinics)])
    of_site = of_clinic.reshape(sites, -1).mean(axis=1)
    rows, each = data.y.size // clinics, clinics // sites
    between = rows * each * np.sum((of_site - of_site.mean()) ** 2) / (sites - 1)
    inner = rows * np.sum((of_clinic - np.repeat(of_site, each)) ** 2) / (clinics - sites)
    within = np.sum((data.y - of_clinic[data.clinic]) ** 2) / (data.y.size - clinics)
    return float(between), float(inner), float(within)


async def test_restricted_variances_of_a_balanced_design_are_those_of_the_analysis_of_variance(tmp_path: Path) -> None:
    data = made_up()
    between, inner, within = mean_squares(data)
    rows, each = 9, 5
    request = {"formula": "y ~ 1 + (1 | site) + (1 | clinic)", "family": "gaussian", "reml": True}
    result, sites = await fitted(tmp_path, data, **request)
    found = estimates(result)
    assert found["site", "sd__(Intercept)"] ** 2 == pytest.approx((between - inner) / (rows * each), rel=1e-7)
    assert found["clinic", "sd__(Intercept)"] ** 2 == pytest.approx((inner - within) / rows, rel=1e-7)
    assert found["Residual", "sd__Observation"] ** 2 == pytest.approx(within, rel=1e-7)
    assert found["", "(Intercept)"] == pytest.approx(data.y.mean(), rel=1e-10)
    assert result["specification"]["reml"] is True
    n = data.y.size
    dets = (n - 30) * math.log(within) + 24 * math.log(inner) + 5 * math.log(between) + math.log(n)
    assert result["glance"]["logLik"] == pytest.approx(-((n - 1) * (math.log(2 * math.pi) + 1) + dets) / 2, rel=1e-10)
    for heard in sites.values():
        for _, contribution in heard.rounds():  # two entries of theta: two first and three second derivatives, p = 1
            assert [len(one) for one in contribution["information"]] == [1] * 5


async def test_the_information_leaves_for_a_restricted_likelihood_alone(tmp_path: Path) -> None:
    request = {"formula": "y ~ x + (1 + x | clinic)", "family": "gaussian"}
    for reml in (False, True):
        _, sites = await fitted(tmp_path, made_up(), **request, reml=reml)
        for heard in sites.values():
            (_, _, start), *_ = [one for one in heard.messages if one[1].get("kind") == "start"]
            assert {quadratic["information"] is None for quadratic in start["start"]["quadratics"]} == {True}
            sizes = {tuple(len(one) for one in said["information"] or ()) for _, said in heard.rounds()}
            assert sizes == {(3,) * (3 + 6) if reml else ()}  # p = 2, and three entries of theta


async def test_without_a_random_term_it_is_the_usual_residual_variance(tmp_path: Path) -> None:
    data = made_up()
    result, _ = await fitted(tmp_path, data, formula="y ~ x", family="gaussian", reml=True)
    X = np.column_stack([np.ones(data.y.size), data.x])
    residual = data.y - X @ np.linalg.lstsq(X, data.y, rcond=None)[0]
    assert result["glance"]["sigma"] ** 2 == pytest.approx(residual @ residual / (data.y.size - 2), rel=1e-8)
