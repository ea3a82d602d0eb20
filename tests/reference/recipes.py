"""What a stranger would type to fit every case of the references from its file up."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.reference.cases import HERE, case
from tests.reference.compare import family_of, newton_left

DATA = HERE / "data"
MANIFEST = json.loads((DATA / "manifest.json").read_text())
MOST_SITES = 25
NODES = 5
"""Sites that more groups than that are dealt over."""
MOST_LEVELS = 10
"""Of a column that is told to be a factor."""
Row = dict[str, str]


@dataclass(frozen=True)
class Recipe:
    """One case's file and formula: GROUP in it is the grouping column, which also makes the sites."""

    file: str
    group: str
    formula: str
    keep: Callable[[Row], bool] | None = None
    derive: Callable[[Row], Row] | None = None


@dataclass(frozen=True)
class Rehearsal:
    """A file that is split into sites, and the model that is asked of them."""

    data: Path
    by: str
    nodes: int | None
    levels: dict[str, list[str]]
    formula: str
    family: str
    link: str


BCG = "cbind(tb, n - tb) ~ "
CGD = "treat + I(age/10) + inherit + steroids"
EPIL = "y ~ lbase * trt + lage + "
GUIMMUN = "immun ~ kid2p + mom25p + ord + ethn + momEd + husEd + momWork + rural + pcInd81 + (1 | GROUP)"
CONTRACEPTION = "use ~ age + I(age^2) + urban + livch + "
BETA = "death ~ treatment + (1 | GROUP)"
VISIT = "I((period - 2.5)/5)"
CBPP = "cbind(incidence, size - incidence) ~ period + (1 | GROUP)"
OWLS = "SiblingNegotiation ~ FoodTreatment * SexParent + I(ArrivalTime - 24) + offset(logBroodSize)"
NESTED_SLOPE = "immun ~ k2 + ord + rural + pcInd81"
SEED = "y ~ 0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10 + (1 | GROUP)"


@cache
def largest_four() -> set[str]:
    """The trials with most patients."""
    with (DATA / "betablocker.csv").open() as file:
        trials = [row["trial"] for row in csv.DictReader(file)]
    return set(sorted(set(trials), key=trials.count)[-4:])


def second_or_later(row: Row) -> Row:
    """The slope's column, a number."""
    return {"k2": str(int(row["kid2p"] == "Y"))}


RECIPES = {
    "bacteria_ri": Recipe("bacteria", "ID", "y ~ trt + I(week > 2) + (1 | GROUP)"),
    "bcg_study_ri": Recipe("bcg_arms", "study", BCG + "treat * I(latitude/10) + (1 | GROUP)"),
    "bcg_treat_slope_corr": Recipe("bcg_arms", "study", BCG + "treat + (1 + treat | GROUP)"),
    "bcg_treat_slope_uncorr": Recipe("bcg_arms", "study", BCG + "treat + (1 | GROUP) + (0 + treat | GROUP)"),
    "betablocker_22_trials_ri": Recipe("betablocker", "trial", BETA, keep=lambda row: row["trial"] != "Yusuf"),
    "betablocker_four_largest_ri": Recipe(
        "betablocker", "trial", BETA, keep=lambda row: row["trial"] in largest_four()
    ),
    "betablocker_treat_slope_corr": Recipe("betablocker", "trial", "death ~ treatment + (1 + treatment | GROUP)"),
    "betablocker_trial_ri": Recipe("betablocker", "trial", BETA),
    "bcg_log_study_ri": Recipe("bcg_arms", "study", BCG + "treat * I(latitude/10) + (1 | GROUP)"),
    "cbpp_cloglog_ri": Recipe("cbpp", "herd", CBPP),
    "cbpp_log_ri": Recipe("cbpp", "herd", CBPP),
    "cbpp_probit_ri": Recipe("cbpp", "herd", CBPP),
    "cbpp_ri": Recipe("cbpp", "herd", CBPP),
    "cgd_center_poisson_ri_offset": Recipe(
        "cgd_patients", "center", f"infections ~ {CGD} + offset(log(futime/365.25)) + (1 | GROUP)"
    ),
    "cgd_center_ri": Recipe("cgd_patients", "center", f"any_infection ~ {CGD} + (1 | GROUP)"),
    "contraception_ri": Recipe("contraception", "district", CONTRACEPTION + "(1 | GROUP)"),
    "contraception_slope_corr": Recipe("contraception", "district", CONTRACEPTION + "(1 + urban | GROUP)"),
    "contraception_slope_uncorr": Recipe(
        "contraception",
        "district",
        CONTRACEPTION.replace("urban", "urb") + "(1 + urb || GROUP)",
        derive=lambda row: {"urb": str(int(row["urban"] == "Y"))},
    ),
    "epil_nb2_ri": Recipe("epil", "subject", EPIL + "V4 + (1 | GROUP)"),
    "epil_ri": Recipe("epil", "subject", EPIL + "V4 + (1 | GROUP)"),
    "epil_slope_corr": Recipe("epil", "subject", EPIL + f"{VISIT} + (1 + {VISIT} | GROUP)"),
    "epil_slope_uncorr": Recipe("epil", "subject", EPIL + f"{VISIT} + (1 | GROUP) + (0 + {VISIT} | GROUP)"),
    "exam_lmm_corr": Recipe("exam", "school", "normexam ~ standLRT + sex + (1 + standLRT | GROUP)"),
    "exam_lmm_ri": Recipe("exam", "school", "normexam ~ standLRT + sex + (1 | GROUP)"),
    "guimmun_comm_ri": Recipe("guimmun", "comm", GUIMMUN),
    "guimmun_mom_ri": Recipe("guimmun", "mom", GUIMMUN),
    "guimmun_nested": Recipe("guimmun", "comm", GUIMMUN.replace("(1 | GROUP)", "(1 | GROUP/mom)")),
    "guimmun_nested_slope": Recipe(
        "guimmun", "comm", f"{NESTED_SLOPE} + (1 + k2 || GROUP) + (1 | GROUP:mom)", derive=second_or_later
    ),
    "guimmun_nested_slope_corr": Recipe(
        "guimmun", "comm", f"{NESTED_SLOPE} + (1 + k2 | GROUP) + (1 | GROUP:mom)", derive=second_or_later
    ),
    "lung_gamma_inst_ri": Recipe(
        "lung_inst", "inst", "time ~ I(sex == 2) + ph.ecog + (1 | GROUP)", keep=lambda row: row["dead"] == "1"
    ),
    "lung_inst_ri": Recipe("lung_inst", "inst", "dead ~ I(age/10) + I(sex == 2) + ph.ecog + (1 | GROUP)"),
    "machines_lmm_nested": Recipe("machines", "Worker", "score ~ Machine + (1 | GROUP/Machine)"),
    "machines_nested_gamma": Recipe("machines", "Worker", "score ~ Machine + (1 | GROUP/Machine)"),
    "nielweise_study_ri_offset": Recipe(
        "nielweise_arms", "study", "events ~ treat + offset(log(days/1000)) + (1 | GROUP)"
    ),
    "ohio_ri": Recipe("ohio", "id", "resp ~ age * smoke + (1 | GROUP)"),
    "orthodont_gamma_inverse_ri": Recipe("orthodont", "Subject", "distance ~ I(age - 11) + Sex + (1 | GROUP)"),
    "orthodont_gamma_ri": Recipe("orthodont", "Subject", "distance ~ I(age - 11) + Sex + (1 | GROUP)"),
    "owls_nb2_ri_offset": Recipe("owls", "Nest", f"{OWLS} + (1 | GROUP)"),
    "owls_nest_ri_offset": Recipe("owls", "Nest", f"{OWLS} + (1 | GROUP)"),
    "owls_nested_nb2": Recipe("owls", "Nest", f"{OWLS} + (1 | GROUP/SexParent)"),
    "owls_nested_poisson": Recipe("owls", "Nest", f"{OWLS} + (1 | GROUP/SexParent)"),
    "respiratory_centre_ri": Recipe(
        "respiratory_long", "centre", "status ~ treatment + gender + baseline + age + (1 | GROUP)"
    ),
    "respiratory_centre_subject": Recipe(
        "respiratory_long",
        "centre",
        "status ~ treatment + gender + baseline + age + (1 | GROUP) + (1 | subject)",
    ),
    "respiratory_subject_ri": Recipe(
        "respiratory_long", "subject", "status ~ centre + treatment + gender + baseline + age + (1 | GROUP)"
    ),
    "seed_two_sites": Recipe("seed_two_sites", "site", SEED),
    "sleepstudy_gamma_ri": Recipe("sleepstudy", "Subject", "Reaction ~ Days + (1 | GROUP)"),
    "sleepstudy_invgauss_ri": Recipe("sleepstudy", "Subject", "Reaction ~ Days + (1 | GROUP)"),
    "sleepstudy_lmm_corr": Recipe("sleepstudy", "Subject", "Reaction ~ Days + (Days | GROUP)"),
    "sleepstudy_lmm_ri": Recipe("sleepstudy", "Subject", "Reaction ~ Days + (1 | GROUP)"),
    "sleepstudy_lmm_uncorr": Recipe("sleepstudy", "Subject", "Reaction ~ Days + (Days || GROUP)"),
    "toenail_ri": Recipe("toenail", "patientID", "outcome ~ treatment * time + (1 | GROUP)"),
    "toenail_slope_corr": Recipe("toenail", "patientID", "outcome ~ treatment * time + (1 + time | GROUP)"),
}


def rehearsal(name: str, folder: Path) -> Rehearsal:
    """A case by its recipe. The folder takes a file that the recipe changes."""
    recipe = RECIPES[name]
    many = case(name).outer_groups > MOST_SITES
    levels = MANIFEST.get(recipe.file, {}).get("factor_levels", {})
    family, link = family_of(name)
    return Rehearsal(
        data=_prepared(recipe, folder),
        by=recipe.group,
        nodes=NODES if many else None,
        levels={column: of for column, of in levels.items() if column != recipe.group and len(of) <= MOST_LEVELS},
        formula=recipe.formula.replace("GROUP", recipe.group if many else "site"),
        family=family,
        link=link,
    )


def _prepared(recipe: Recipe, folder: Path) -> Path:
    """The data file, with rows left out or a column added where the recipe says so."""
    original = DATA / f"{recipe.file}.csv"
    if recipe.keep is None and recipe.derive is None:
        return original
    with original.open() as file:
        rows = [row for row in csv.DictReader(file) if recipe.keep is None or recipe.keep(row)]
    rows = [row | (recipe.derive(row) if recipe.derive else {}) for row in rows]
    target = folder / original.name
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


def hold_against_reference(name: str, result: dict[str, Any]) -> None:
    """Fails unless a result's rows, coefficients and log-likelihood are those of the reference."""
    one, converged = case(name), result["convergence"]["outcome"] == "converged"
    fixed = [row for row in result["tidy"] if row["effect"] == "fixed"]
    estimates = np.array([row["estimate"] for row in fixed])
    errors = np.array([row["std.error"] for row in fixed])
    if reference := one.fits.get("glmmTMB_laplace") or one.fits.get("tmb_laplace"):
        left = newton_left(reference)[: len(fixed)] if converged else 0.0
        expected = np.array(list(reference["beta"].values())) + left
    else:
        reference = one.fits["lme4_ML"]
        expected = np.array(list(reference["beta"].values()))
    assert np.max(np.abs(estimates - expected) / errors) < (1e-7 if converged else 1e-6)
    assert abs(result["glance"]["logLik"] - reference["logLik"]) < 1e-7
    assert result["glance"]["nobs"] == len(one.y)
