"""The page about the release policy says what the code does now."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.honest_fit import Ending, Site, ending, honest_fit
from benchmarks.policy import (
    BUDGETS,
    ENDINGS,
    INTRODUCTION,
    ROSTERS,
    RULES,
    SIZES,
    TRIALS,
    WHY,
    bundled,
    reference,
    reference_line,
)
from shared.parameters import ParameterLayout
from site_node.estimation.families import REGISTRY
from site_node.estimation.model import Model
from site_node.estimation.rows import Rows
from tests.federation.test_withheld import OFF_COURSE, PASSED, tables
from tests.reference.cases import case, names

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
QUICK = {
    "binomial cloglog": ["cbpp_cloglog_ri"],
    "binomial log": ["bcg_log_study_ri", "cbpp_log_ri"],
    "binomial probit": ["cbpp_probit_ri"],
    "gamma inverse": ["orthodont_gamma_inverse_ri"],
    "inverse_gaussian log": ["sleepstudy_invgauss_ri"],
}
"""Families of which all cases together take a moment."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", QUICK)
def test_the_page_is_what_the_code_gives_now(family: str, size: int) -> None:
    """If this fails on purpose: python -m benchmarks policy > docs/policy.md."""
    (tally,) = reference(QUICK[family], size).values()
    line = "| " + " | ".join(str(cell) for cell in reference_line(family, size, tally)[:-1]) + " | "
    assert line in PAGE


def test_the_page_has_every_reference_case_and_every_reason() -> None:
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    fits = {size: sum(int(row[2]) for row in rows if len(row) == 11 and row[1] == str(size)) for size in SIZES}
    assert fits == dict.fromkeys(SIZES, len(names()))
    ends = [row for row in rows if row[0].removeprefix("| ") in ENDINGS.values()]
    assert len(ends) == len(ENDINGS)
    assert [sum(int(row[k].removesuffix(" |")) for row in ends) for k in (1, 2, 3)] == [len(names())] * len(SIZES)
    assert all(f"| `{code}` | " in PAGE for code in WHY)
    assert f"{INTRODUCTION} {RULES}".split() == PAGE.split("## ")[0].split()[8:]
    assert f"{TRIALS} {ROSTERS} {BUDGETS}".split() == PAGE.split("## Over several answers")[1].split()


def test_whole_groups_are_bundled_and_each_row_is_at_one_site() -> None:
    one = case("contraception_ri")
    for size in SIZES:
        sites = bundled(one, size)
        assert sum(rows.n for rows in sites) == len(one.y)
        assert sum(rows.groups for rows in sites) == one.groups
        assert min(rows.n for rows in sites) >= size


def test_a_site_that_passes_alone_passes_among_all_sites_too() -> None:
    one = case("epil_ri")
    sites = honest_fit(bundled(one, 40), one.model).sites
    assert not any(site.own and not site.either for site in sites)
    assert any(site.either and not site.own for site in sites)
    assert all(site.why.startswith("leverage") for site in sites if not site.answers)


@pytest.mark.parametrize(("seed", "expected"), [(PASSED, "shorter steps"), (OFF_COURSE, "trials")])
def test_fits_end_as_those_of_real_sites_with_the_same_rows(seed: int, expected: Ending) -> None:
    model = Model(ParameterLayout(("(Intercept)", "x")), REGISTRY["binomial", "logit"])
    sites = []
    for text in tables(seed):
        d, x = np.array([line.split(",") for line in text.split()[1:]], dtype=float).T
        X, ones = np.column_stack([np.ones(len(x)), x]), np.ones(len(x))
        rows = Rows.sorted_by_group(X=X, Z=X[:, :0], y=d, weight=ones, offset=0.0 * ones, group=None)
        sites.append(Site.of(rows, model))
    assert not any(site.codes for site in sites)
    assert ending(sites, model) == expected
