"""The page about the release policy says what the code does now."""

from pathlib import Path

import pytest

from benchmarks.policy import (
    BUDGETS,
    INTRODUCTION,
    ROSTERS,
    RULES,
    SIZES,
    TRIALS,
    WHY,
    bundled,
    honest_fit,
    reference,
    reference_line,
)
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
    fits = {size: sum(int(row[2]) for row in rows if len(row) == 10 and row[1] == str(size)) for size in SIZES}
    assert fits == dict.fromkeys(SIZES, len(names()))
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
    sites, _ = honest_fit(bundled(one, 40), one.model)
    assert not any(site.own and not site.either for site in sites)
    assert any(site.either and not site.own for site in sites)
    assert all(site.why.startswith("leverage") for site in sites if not site.answers)
