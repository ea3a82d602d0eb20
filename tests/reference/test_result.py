"""The result of a real fit says what lme4 and glmmTMB say of it, under their names, and warns of what a reader should know."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from coordinator.result import make_result
from shared.messages import RandomEffect
from tests.reference.cases import case, fit
from tests.reference.finished import BOUNDARY, GAUSSIAN, INSIDE, LEVEL, fitted, result, specification, told


def terms(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{row['effect']} {row['term']}": row for row in made["tidy"]}


@pytest.mark.parametrize(("name", "engine"), [(INSIDE, "glmmTMB_laplace"), (GAUSSIAN, "lme4_ML")])
def test_the_glance_is_that_of_lme4_and_glmmtmb(name: str, engine: str) -> None:
    one, glance, reference = case(name), result(name)["glance"], case(name).fits[engine]
    for key in ("logLik", "AIC", "BIC"):
        assert glance[key] == pytest.approx(reference[key], abs=1e-6)
    assert glance["deviance"] == pytest.approx(-2.0 * reference["logLik"], abs=1e-6)
    assert (glance["nobs"], glance["ngrps"]) == (len(one.y), {"woman": one.groups})
    assert glance["npar"] == len(one.model.layout.fixed) + 3 + (name == GAUSSIAN)
    assert glance["df.residual"] == len(one.y) - glance["npar"]
    assert glance["sigma"] == (pytest.approx(reference["sigma"], rel=1e-8) if name == GAUSSIAN else None)


def test_terms_have_the_names_that_broom_gives_them() -> None:
    rows = result(GAUSSIAN)["tidy"]
    assert [(row["effect"], row["group"], row["level"], row["term"]) for row in rows] == [
        ("fixed", None, None, "(Intercept)"),
        ("fixed", None, None, "Days"),
        ("ran_pars", "woman", None, "sd__(Intercept)"),
        ("ran_pars", "woman", None, "sd__Days"),
        ("ran_pars", "woman", None, "cor__(Intercept).Days"),
        ("ran_pars", "Residual", None, "sd__Observation"),
    ]


def test_the_estimates_and_errors_in_the_rows_are_the_references() -> None:
    reference, rows = case(INSIDE).fits["glmmTMB_laplace"], terms(result(INSIDE))
    for (name, beta), se in zip(reference["beta"].items(), reference["se"], strict=True):
        assert rows[f"fixed {name}"]["estimate"] == pytest.approx(beta, abs=1e-7 * se)
        assert rows[f"fixed {name}"]["std.error"] == pytest.approx(se, rel=1e-7)
    first, second = np.ravel(reference["random_effects"]["sd"])
    found = [row["estimate"] for key, row in rows.items() if key.startswith("ran_pars")]
    assert found == pytest.approx([first, second, np.ravel(reference["random_effects"]["corr"])[1]], rel=1e-6)


@pytest.mark.parametrize("name", [INSIDE, GAUSSIAN])
def test_statistics_p_values_and_wald_intervals_follow_from_estimate_and_error(name: str) -> None:
    reach = norm.ppf(0.5 + LEVEL / 2)
    for key, row in terms(result(name)).items():
        value, se, bounds = row["estimate"], row["std.error"], (row["conf.low"], row["conf.high"])
        if key.startswith("fixed"):
            assert row["statistic"] == pytest.approx(value / se, rel=1e-12)
            assert row["p.value"] == pytest.approx(2.0 * norm.sf(abs(value / se)), rel=1e-9)
            assert bounds == pytest.approx((value - reach * se, value + reach * se), rel=1e-12)
            continue
        assert (row["statistic"], row["p.value"]) == (None, None)  # no test: zero is on the boundary
        if "cor__" in key:
            centre, width = np.arctanh(value), reach * se / (1.0 - value * value)
            assert bounds == pytest.approx((np.tanh(centre - width), np.tanh(centre + width)), rel=1e-9)
        else:
            assert bounds == pytest.approx((value * np.exp(-reach * se / value), value * np.exp(reach * se / value)))


def test_the_covariance_matrices_have_names_and_the_errors_of_the_rows() -> None:
    made = result(INSIDE)
    reference, fixed = case(INSIDE).fits["glmmTMB_laplace"], list(case(INSIDE).model.layout.fixed)
    assert made["vcov"]["names"] == fixed
    np.testing.assert_allclose(made["vcov"]["matrix"], reference["vcov"], rtol=1e-6, atol=1e-9)
    sds = ["sd__(Intercept)", "sd__urb", "cor__(Intercept).urb"]
    assert made["vcov_all"]["names"] == fixed + sds
    assert [row["term"] for row in made["tidy"]] == made["vcov_all"]["names"]
    everything = np.array(made["vcov_all"]["matrix"])
    np.testing.assert_array_equal(everything[: len(fixed), : len(fixed)], made["vcov"]["matrix"])
    np.testing.assert_allclose(np.sqrt(everything.diagonal()), [row["std.error"] for row in made["tidy"]], rtol=1e-14)
    theirs, sd = np.array(reference["vcov_all"]), np.ravel(reference["random_effects"]["sd"])
    to_sd = everything[: len(fixed), len(fixed) : -1] / sd  # TMB's parameter is log sd
    np.testing.assert_allclose(to_sd, theirs[: len(fixed), len(fixed) : -1], rtol=1e-6, atol=1e-9)


def test_on_the_boundary_the_sd_is_zero_and_what_it_has_not_is_null() -> None:
    made = result(BOUNDARY)
    sd = terms(made)["ran_pars sd__(Intercept)"]
    assert (sd["estimate"], sd["std.error"], sd["conf.low"], sd["conf.high"]) == (0.0, None, None, None)
    assert made["vcov_all"]["matrix"][-1] == [None] * len(made["vcov_all"]["names"])
    assert all(row["std.error"] > 0.0 for key, row in terms(made).items() if key.startswith("fixed"))
    assert made["convergence"]["outcome"] == "boundary"
    assert made["convergence"]["about"] == ["the sd of (Intercept) is 0"]


def test_a_known_sd_is_stated_and_has_no_error() -> None:
    made, reference = result("cbpp_ri", known_sd=0.5), case("cbpp_ri").fits["fixed_sd0.5_glmmTMB_laplace"]
    sd = terms(made)["ran_pars sd__(Intercept)"]
    assert sd["estimate"] == 0.5
    assert [sd[key] for key in ("std.error", "statistic", "p.value", "conf.low", "conf.high")] == [None] * 5
    assert made["glance"]["npar"] == len(reference["beta"])
    assert [row["std.error"] for row in made["tidy"][:-1]] == pytest.approx(reference["se"], rel=1e-7)


def test_an_ending_without_estimates_has_no_errors_but_says_where_it_stood() -> None:
    one = case(INSIDE)
    state = fit(one.sites(2), one.model, max_rounds=1)
    settled = specification(state.layout, group="woman")
    made = make_result(settled, state, [], told(settled, len(one.y), one.groups))
    assert made["convergence"]["outcome"] == "round_limit"
    assert {row["std.error"] for row in made["tidy"]} == {None}
    assert {entry for row in made["vcov_all"]["matrix"] for entry in row} == {None}
    assert made["tidy"][0]["estimate"] == state.psi[0]


def test_the_sites_own_effects_are_rows_with_intervals() -> None:
    one, state = case("cbpp_ri"), fitted("cbpp_ri")
    effects = {"Bern": RandomEffect(modes=(0.3,), standard_deviations=(0.2,))}
    settled = specification(state.layout, group="site")
    made = make_result(settled, state, [], told(settled, len(one.y), one.groups, effects=effects))
    row, reach = made["tidy"][-1], norm.ppf(0.5 + LEVEL / 2)
    assert [row[key] for key in ("effect", "group", "level", "term")] == ["ran_vals", "site", "Bern", "(Intercept)"]
    assert (row["estimate"], row["std.error"]) == (0.3, 0.2)
    assert (row["conf.low"], row["conf.high"]) == pytest.approx((0.3 - reach * 0.2, 0.3 + reach * 0.2))


def codes(made: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in made["warnings"]]


def test_warnings_are_given_where_they_apply_and_nowhere_else() -> None:
    assert codes(result("cbpp_ri", group="site")) == []
    assert codes(result("cbpp_ri", group="herd")) == ["groups_within_sites"]
    assert codes(result("cbpp_ri", group="site", dropped=7)) == ["rows_dropped"]
    assert codes(result("cbpp_ri", group="site", groups=4)) == ["few_groups"]
    assert codes(result("cbpp_ri", group="site", groups=5)) == []
    assert codes(result("cbpp_ri", group="site", groups=4, known_sd=0.5)) == []
    assert codes(result(BOUNDARY, group="site")) == ["boundary"]
    assert codes(result(BOUNDARY, dropped=2, groups=3)) == [
        "boundary",
        "rows_dropped",
        "few_groups",
        "groups_within_sites",
    ]


def test_warnings_say_how_many_and_of_what() -> None:
    boundary, dropped, few, within = result(BOUNDARY, dropped=2, groups=3)["warnings"]
    assert "the sd of (Intercept) is 0" in boundary["message"]
    assert "2 rows were left out" in dropped["message"]
    assert "only 3 groups" in few["message"]
    assert "(1 | site:woman)" in within["message"]
    (one,) = result("cbpp_ri", group="site", groups=1)["warnings"]
    assert "There is only 1 group:" in one["message"]
