"""Claims about the floors below which nothing leaves a site."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RefusedError
from shared.formula.expressions import Column, LevelFactor, VariableRef
from shared.specification import NumericResponse, RandomTerm, Specification, sha256_of
from site_node.data.batches import variables_in
from site_node.data.counts import Counts, LevelCounts
from site_node.data.design import build
from site_node.data.reading import read_columns
from site_node.data.split import split
from site_node.release.policy import breaches, judge

BETABLOCKER = Path(__file__).parents[1] / "reference" / "data" / "betablocker.csv"
INTERCEPT = Column("(Intercept)")

SOUND = Counts(
    rows=40,
    parameters=3,
    groups=(),
    levels=(LevelCounts("arm", (20, 20, 0), ((10, 10), (10, 10), (0, 0))),),
    outcomes=(20, 20),
)


def with_levels(units: tuple[int, ...], outcomes: tuple[tuple[int, int], ...] = ()) -> Counts:
    return replace(SOUND, levels=(LevelCounts("secret_variable", units, outcomes),))


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        (replace(SOUND, rows=19), "too_few_rows"),
        (replace(SOUND, parameters=14), "too_many_columns"),
        (replace(SOUND, groups=(2,)), "too_few_groups"),
        (replace(SOUND, outcomes=(2, 38)), "rare_outcome"),
        (replace(SOUND, outcomes=(40, 0)), "rare_outcome"),
        (with_levels((37, 2, 1)), "rare_level"),
        (with_levels((20, 20), ((18, 2), (10, 10))), "rare_cell"),
        (with_levels((20, 20), ((10, 10), (1, 19))), "rare_cell"),
    ],
)
def test_each_floor_refuses_by_its_code_and_tells_neither_number_nor_variable(counts: Counts, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        judge(counts, "default")
    refusal = caught.value
    assert refusal.code == code
    assert refusal.rule == "G5"
    assert refusal.remedy
    assert not any(character.isdigit() for character in str(refusal).replace("(1 | site)", ""))
    assert "secret_variable" not in str(refusal)
    judge(counts, "open")


@pytest.mark.parametrize(
    "counts",
    [
        SOUND,
        replace(SOUND, rows=20, parameters=6),
        replace(SOUND, groups=(3,)),
        replace(SOUND, outcomes=()),
        replace(SOUND, outcomes=(3, 37)),
        with_levels((37, 3, 0)),
        with_levels((20, 20), ((20, 0), (3, 17))),
    ],
)
def test_what_reaches_every_floor_passes(counts: Counts) -> None:
    judge(counts, "default")


def test_the_sites_own_eyes_see_the_variable() -> None:
    assert [breach.variable for breach in breaches(with_levels((38, 2)), "default")] == ["secret_variable"]


def test_too_few_groups_are_told_what_to_write_when_the_group_is_the_site_itself() -> None:
    with pytest.raises(RefusedError, match=r"Write \(1 \| site\) when the group is the site itself"):
        judge(replace(SOUND, groups=(1,)), "default")


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_a_level_passes_exactly_when_nobody_or_three_have_it(units: list[int]) -> None:
    assert bool(breaches(with_levels(tuple(units)), "default")) == any(count in {1, 2} for count in units)


def test_of_the_betablocker_trials_only_yusuf_is_refused(tmp_path: Path) -> None:
    federation = split(BETABLOCKER, "trial", tmp_path, levels={"treatment": ("control", "beta-blocker")})
    asked = Specification(
        formula="death ~ treatment + (1 | site)",
        family="binomial",
        link="logit",
        response=NumericResponse(expression=VariableRef("death")),
        fixed=(INTERCEPT, Column("treatmentbeta-blocker", (LevelFactor("treatment", "beta-blocker"),))),
        random=(RandomTerm(group="site", columns=(INTERCEPT,)),),
        roster=tuple(share.name for share in federation.shares),
        dictionary_sha256=sha256_of(federation.dictionary),
        tolerance=1e-16,
        max_rounds=50,
        confidence_level=0.95,
    )
    refused = {}
    for share in federation.shares:
        table = read_columns(tmp_path / share.folder / "data.csv", variables_in(asked, federation.dictionary))
        found = breaches(build(asked, federation.dictionary, table).counts, "default")
        if found:
            refused[share.name] = {breach.code for breach in found}
    assert len(federation.shares) == 23
    assert refused == {"Yusuf": {"rare_outcome", "rare_level", "rare_cell"}}
