"""`fedglmm rehearse` fits public data sets from their files up, through real servers.

tests/federation/test_every_case.py has all of them, in one process.
"""

import json
from pathlib import Path

import pytest

from site_node.estimation.families import REGISTRY
from tests.e2e.commands import run
from tests.reference.compare import family_of
from tests.reference.recipes import hold_against_reference, rehearsal

REHEARSED = {
    "bcg_log_study_ri": "successes and failures, a column divided by a number",
    "bcg_treat_slope_corr": "a correlated slope",
    "cbpp_cloglog_ri": "a factor from numbers",
    "cbpp_probit_ri": "the same by another link",
    "cgd_center_poisson_ri_offset": "an offset that is computed",
    "contraception_slope_uncorr": "groups dealt over nodes, an uncorrelated slope in a column that was added",
    "exam_lmm_corr": "a linear model with a slope",
    "lung_gamma_inst_ri": "rows left out, a variance of 0",
    "machines_nested_gamma": "a factor within the sites",
    "orthodont_gamma_inverse_ri": "an inverse link over nodes",
    "owls_nested_nb2": "groups within groups over nodes, an interaction, an offset",
    "respiratory_centre_subject": "subjects within two sites",
    "sleepstudy_invgauss_ri": "times",
}
"""Cases of every family and link, and what else each is about."""


def test_every_family_with_every_link_is_rehearsed() -> None:
    assert {family_of(name) for name in REHEARSED} == set(REGISTRY)


@pytest.mark.parametrize("name", REHEARSED)
def test_rehearsing_on_the_file_gives_the_reference(name: str, tmp_path: Path) -> None:
    asked = rehearsal(name, tmp_path)
    options = ["--site", asked.by, "--family", asked.family, "--link", asked.link, "--policy", "open", "--json"]
    options += [] if asked.nodes is None else ["--nodes", str(asked.nodes)]
    for column, levels in asked.levels.items():
        options += ["--levels", f"{column}={','.join(levels)}"]
    done = run("fedglmm", "rehearse", str(asked.data), asked.formula, *options)
    assert done.returncode == 0, done.stderr
    hold_against_reference(name, json.loads(done.stdout))
