"""The R package against live servers: the same numbers as by REST, lme4's on the pooled rows, and the page's example.

It needs R with the packages that `.ci/run` installs, so it runs only if FEDGLMM_R is 1.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.client.comparison import compare
from coordinator.client.federation import federation as rehearsed
from coordinator.client.ratios import ratio_name
from coordinator.client.summary import summary
from shared.families import LINKS
from tests.e2e.commands import DATA
from tests.e2e.r_package import SOURCE, Library, build, numbers, run_r
from tests.e2e.small_federation import Federation, url_of

pytestmark = pytest.mark.skipif(
    os.environ.get("FEDGLMM_R") != "1", reason="it needs R and its packages: set FEDGLMM_R=1"
)

ROOT = Path(__file__).parents[2]
TIDY = ("estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high")
MODELS: dict[str, dict[str, Any]] = {
    "fed_glmer(y ~ x + (1 | site), binomial, coordinator)": {},
    'fed_glmer(y ~ x + (1 | site), binomial(link = "probit"), coordinator, nAGQ = 5)': {
        "link": "probit",
        "quadrature_points": 5,
    },
    "fed_lmer(x ~ y + (1 + y | site), coordinator)": {
        "formula": "x ~ y + (1 + y | site)",
        "family": "gaussian",
        "reml": True,
    },
    'fed_glmer(y ~ I(x^2), "poisson", coordinator, sites = "Bern", confidence_level = 0.9, tolerance = 1e-15 / 3)': {
        "formula": "y ~ I(x^2)",
        "family": "poisson",
        "sites": ["Bern"],
        "confidence_level": 0.9,
        "tolerance": 1e-15 / 3,
    },
}
"""A call in R, and what the same request has beside `REQUEST` in JSON."""


def test_the_check_of_the_package_finds_no_error_no_warning_and_nothing_to_note(tmp_path: Path) -> None:
    done = run_r("R", "CMD", "check", "--no-manual", str(build(tmp_path)), place=tmp_path)
    assert "Status: OK" in (tmp_path / "fedglmm.Rcheck" / "00check.log").read_text(), done.stdout


def test_the_package_has_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"\nVersion: {project['version']}\n" in (SOURCE / "DESCRIPTION").read_text(encoding="utf-8")


def test_a_fit_has_the_numbers_of_the_result_by_rest_to_the_last_bit(
    federation: Federation, r_library: Library, tmp_path: Path
) -> None:
    script = f'coordinator <- fed_coordinator("{url_of(federation)}")\n'
    for call in MODELS:
        columns = ", ".join(f"{column} = bits(tidy$`{column}`)" for column in TIDY)
        script += (
            f"fit <- {call}; tidy <- generics::tidy(fit)\n"
            f"told(list(words = tidy[c('effect', 'term')], tidy = list({columns}), fixef = bits(fixef(fit)),"
            " vcov = bits(t(vcov(fit))), vcov_all = bits(t(vcov(fit, full = TRUE))), confint = bits(confint(fit)),"
            " glance = bits(c(nobs(fit), logLik(fit), AIC(fit), BIC(fit), deviance(fit), df.residual(fit)))))\n"
        )
    for told, request in zip(r_library.tells(script, tmp_path), MODELS.values(), strict=True):
        _, result = federation.fitted(**request)
        rows, glance = result["tidy"], result["glance"]
        fixed = [row for row in rows if row["effect"] == "fixed"]
        assert [(row["effect"], row["term"]) for row in told["words"]] == [(row["effect"], row["term"]) for row in rows]
        assert {name: numbers(told["tidy"][name]) for name in TIDY} == {
            name: [row[name] for row in rows] for name in TIDY
        }
        assert numbers(told["fixef"]) == [row["estimate"] for row in fixed]
        assert numbers(told["confint"]) == [row[bound] for bound in ("conf.low", "conf.high") for row in fixed]
        for name in ("vcov", "vcov_all"):
            assert numbers(told[name]) == [value for row in result[name]["matrix"] for value in row]  # row by row
        names = ("nobs", "logLik", "AIC", "BIC", "deviance", "df.residual")
        assert numbers(told["glance"]) == [glance[name] for name in names]


def test_a_fit_is_lme4s_own_of_the_pooled_rows(federation: Federation, r_library: Library, tmp_path: Path) -> None:
    """As near as lme4 comes to the optimum: docs/accuracy.md says 3e-4 of a standard error."""
    script = f"""
library(lme4)
coordinator <- fed_coordinator("{url_of(federation)}")
rows <- read.csv("{federation.folder / "rows.csv"}")
described <- function(fit) {{
  sd <- as.data.frame(VarCorr(fit))$sdcor
  list(estimate = bits(fixef(fit)), error = bits(sqrt(diag(as.matrix(vcov(fit))))), sd = bits(sd), loglik = bits(logLik(fit)))
}}
told(described(fed_glmer(y ~ x + (1 | site), binomial, coordinator)))
told(described(glmer(y ~ x + (1 | site), rows, binomial)))
told(described(fed_lmer(x ~ y + (1 | site), coordinator)))
told(described(lmer(x ~ y + (1 | site), rows)))
"""
    told = [{name: numbers(value) for name, value in one.items()} for one in r_library.tells(script, tmp_path)]
    for ours, theirs in (told[:2], told[2:]):
        for estimate, error, theirs_estimate in zip(ours["estimate"], ours["error"], theirs["estimate"], strict=True):
            assert abs(estimate - theirs_estimate) < 1e-3 * error
        assert ours["sd"] == pytest.approx(theirs["sd"], rel=2e-3, abs=2e-3)
        assert ours["loglik"] == pytest.approx(theirs["loglik"], abs=1e-5)
    assert told[0]["error"] == pytest.approx(told[1]["error"], rel=5e-3)  # lmer's hold the variances fixed


def test_anova_is_the_comparison_of_the_terminal_and_lme4s_of_the_pooled_rows(
    federation: Federation, r_library: Library, tmp_path: Path
) -> None:
    formulas = ("y ~ 1 + (1 | site)", "y ~ x + (1 | site)")
    small, large = (federation.submit(formula=formula) for formula in formulas)
    for analysis in (small, large):
        federation.until(analysis, "converged")
    script = f"""
coordinator <- fed_coordinator("{url_of(federation)}")
rows <- read.csv("{federation.folder / "rows.csv"}")
described <- function(table) c(lapply(table, bits), list(names = names(table)))
m0 <- fed_result(coordinator, "{small}")
m1 <- fed_result(coordinator, "{large}")
told(described(anova(m1, m0)))
told(described(anova(lme4::glmer({formulas[0]}, rows, binomial), lme4::glmer({formulas[1]}, rows, binomial))))
reml <- lapply(c(x ~ 1 + (1 | site), x ~ y + (1 | site)), fed_lmer, coordinator)
told(tryCatch(anova(reml[[1]], reml[[2]]), fedglmm_not_comparable = conditionMessage))
told(tryCatch(anova(m0, fed_glmer(y ~ x + (1 | site), binomial("probit"), coordinator)), fedglmm_request = conditionMessage))
"""
    ours, theirs, restricted, links = r_library.tells(script, tmp_path)
    assert ours.pop("names") == theirs.pop("names")
    ours, theirs = ({name: numbers(values) for name, values in table.items()} for table in (ours, theirs))
    compared = compare({name: federation.bits(name)[1] for name in (small, large)})
    for name in ("npar", "logLik", "AIC", "BIC", "deviance"):
        assert ours[name] == [model[name] for model in compared["models"]]
        assert ours[name] == pytest.approx(theirs[name], abs=1e-4)
    (test,) = compared["tests"]
    assert (ours["Chisq"], ours["Df"]) == ([None, test["chi.square"]], [None, test["df"]])
    assert ours["Chisq"][1] == pytest.approx(theirs["Chisq"][1], abs=1e-4)
    assert ours["Pr(>Chisq)"][1] == pytest.approx(test["p.value"], rel=1e-10)
    assert "REML = FALSE" in restricted
    assert "they differ in link." in links


def test_the_random_part_of_a_summary_is_the_terminals(
    federation: Federation, r_library: Library, tmp_path: Path
) -> None:
    models: tuple[dict[str, Any], ...] = (
        {},
        {"formula": "x ~ y + (1 + y | site)", "family": "gaussian", "reml": True},
        {"random_effect_sd": 0.5},
    )
    for request in models:
        analysis = federation.submit(**request)
        result = federation.bits(analysis)[1]
        script = f'summary(fed_result(fed_coordinator("{url_of(federation)}"), "{analysis}"))'
        ours, theirs = (
            text.partition("Random effects:")[2].partition("\n\n")[0]
            for text in (r_library.says(script, tmp_path), summary(result))
        )
        assert "SE of sd" in ours
        assert ours == theirs


def test_a_ratio_has_the_name_that_it_has_on_the_coordinators_pages(r_library: Library, tmp_path: Path) -> None:
    pairs = [(family, link) for family, links in LINKS.items() for link in links]
    calls = "\n".join(f'told(list(fedglmm:::ratio_name("{family}", "{link}")))' for family, link in pairs)
    for (family, link), (told,) in zip(pairs, r_library.tells(calls, tmp_path), strict=True):
        name = ratio_name(family, link)
        assert told == (name and name.replace("\u2212", "-"))


def test_an_argument_that_cannot_be_is_told_by_its_name_and_with_what_is_allowed(
    federation: Federation, r_library: Library, tmp_path: Path
) -> None:
    calls = {
        "y ~ x + (1 | site), quasibinomial, coordinator": ("family: ", "'negative_binomial'"),
        'y ~ x + (1 | site), binomial("cauchit"), coordinator': ("family: ", "'probit'"),
        "y ~ x + (1 | site), binomial, coordinator, nAGQ = 0": ("nAGQ: ", "1 to 100, or auto"),
        "y ~ x + (1 | site), binomial, coordinator, REML = TRUE": ("REML: ", "gaussian"),
    }
    script = f'coordinator <- fed_coordinator("{url_of(federation)}")\n' + "\n".join(
        f"told(tryCatch(fed_glmer({call}), fedglmm_request = conditionMessage))" for call in calls
    )
    for said, (begin, allowed) in zip(r_library.tells(script, tmp_path), calls.values(), strict=True):
        assert said.startswith(begin)
        assert allowed in said
        assert "body" not in said
        assert "/docs" not in said


def test_what_is_there_is_told_as_tables(federation: Federation, r_library: Library, tmp_path: Path) -> None:
    analysis = federation.submit(title="an older one")
    federation.until(analysis)
    script = f"""
coordinator <- fed_coordinator("{url_of(federation)}")
told(subset(fed_analyses(coordinator), id == "{analysis}"))
some <- fed_analyses(coordinator, state = "converged", formula = "X + (1", since = Sys.Date() - 2, until = Sys.Date() + 2)
told("{analysis}" %in% some$id)
told(nrow(fed_analyses(coordinator, until = "2026-01-31")))
told(fed_sites(coordinator)[c("name", "reachable", "policy", "problem")])
told(fed_dictionary(coordinator)[c("name", "type")])
told(bits(fixef(fed_result(coordinator, "{analysis}"))))
"""
    analyses, is_among_some, of_before, sites, dictionary, estimates = r_library.tells(script, tmp_path)
    assert (is_among_some, of_before) == (True, 0)
    view = federation.view(analysis)
    assert [(row["id"], row["state"], row["title"], row["round"]) for row in analyses] == [
        (analysis, "converged", "an older one", view["round"])
    ]
    assert [(site["name"], site["reachable"], site["policy"]) for site in sites] == [
        (name, True, "open") for name in federation.sites
    ]
    assert dictionary == [
        {"name": variable["name"], "type": variable["type"]}
        for variable in federation.http.get("/dictionary").json()["variables"]
    ]
    result = federation.http.get(f"/analyses/{analysis}/result").json()
    assert numbers(estimates) == [row["estimate"] for row in result["tidy"] if row["effect"] == "fixed"]


def blocks(section: str) -> str:
    """The code of a section of docs/r.md."""
    page = (ROOT / "docs" / "r.md").read_text(encoding="utf-8")
    text = page.split(f"## {section}\n")[1].split("\n## ")[0]
    return "\n".join(line[4:] for line in text.splitlines() if line.startswith("    ") or not line)


@pytest.fixture(scope="module")
def trials() -> Iterator[str]:
    """A coordinator with the beta-blocker trials, each a site, which answer openly."""
    split = [str(DATA / "betablocker.csv"), "--by", "trial", "--levels", "treatment=control,beta-blocker"]
    with rehearsed(split, "open") as url:
        yield url


def test_the_example_of_the_page_runs_and_finds_what_glmmtmb_finds(
    trials: str, r_library: Library, tmp_path: Path
) -> None:
    script = blocks("A fit") + blocks("When it goes wrong") + "\ntold(bits(fixef(fit)))"
    said = r_library.says(f"grDevices::pdf(NULL)\n{script}", tmp_path, FEDGLMM_COORDINATOR=trials)
    pooled = json.loads((DATA.parent / "values" / "betablocker_trial_ri.json").read_text(encoding="utf-8"))
    beta = pooled["fits"]["glmmTMB_laplace"]["beta"]
    assert numbers(json.loads(said.splitlines()[-1])) == pytest.approx(list(beta.values()), rel=1e-6)
    assert "Number of obs: 20312, groups:  site, 23" in said
    assert '[1] "fedglmm_formula"' in said
    assert "treatmnt" in said.splitlines()[-2]
    assert re.search(r"^\[1\] TRUE$", said, re.MULTILINE)


def test_the_example_of_the_page_runs_to_its_end_at_the_sites_of_the_tutorial(
    r_library: Library, tmp_path: Path
) -> None:
    """They answer under masks and keep their own effects, for which the page names the condition and the setting."""
    split = [
        str(DATA / "betablocker.csv"),
        "--by",
        "trial",
        "--nodes",
        "4",
        "--levels",
        "treatment=control,beta-blocker",
    ]
    script = (
        f"grDevices::pdf(NULL)\n{blocks('A fit')}\ntold(tryCatch(ranef(fit), fedglmm_not_released = conditionMessage))"
    )
    with rehearsed(split) as url:
        said = r_library.says(script, tmp_path, FEDGLMM_COORDINATOR=url)
    assert "shares_own = true" in json.loads(said.splitlines()[-1])


def test_the_example_of_the_packages_own_page_runs(trials: str, r_library: Library, tmp_path: Path) -> None:
    page = (SOURCE / "README.md").read_text(encoding="utf-8").replace("http://127.0.0.1:8000", trials)
    code = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
    assert "Number of obs: 20312, groups:  site, 23" in r_library.says(code, tmp_path)
