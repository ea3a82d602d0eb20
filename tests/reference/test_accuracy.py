"""Estimates, standard errors, log-likelihoods and modes agree with software that nobody here wrote, case by case."""

from pathlib import Path

import pytest

from tests.reference.accuracy import Row, document, rows_of
from tests.reference.cases import case, names
from tests.reference.compare import BOUNDARY, all_comparisons, comparisons, fitted

PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"
DIGITS = 1e-9
"""Two machines' roundings may move a printed digit of ours, and no more."""


@pytest.mark.parametrize("name", names())
def test_every_number_of_a_reference_file_is_ours_too(name: str) -> None:
    assert [one for one in comparisons(name) if not one.holds] == []
    expected = "boundary" if name in BOUNDARY else "converged"
    assert fitted(name).state.ending == expected


def test_nothing_that_a_reference_has_is_left_out() -> None:
    """Every Laplace fit, quadrature with every number of nodes, every known sd, and linear models both ways."""
    found = list(all_comparisons())
    methods = {(one.case, one.method) for one in found}
    count = {method: sum(of == method for _, of in methods) for _, method in methods}
    assert count == {
        "Laplace": 46,
        "AGQ-5": 10,
        "AGQ-11": 15,
        "AGQ-25": 21,
        "Laplace, sd 0.5": 2,
        "Laplace, sd 1": 19,
        "Laplace, sd 2": 2,
        "AGQ-25, sd 0.5": 2,
        "AGQ-25, sd 1": 19,
        "AGQ-25, sd 2": 2,
        "ML": 6,
        "REML": 6,
        "no random effect": 37,
    }
    assert any("correlation" in one.quantity or "cor of" in one.quantity for one in found)
    assert any("conditional sd" in one.quantity for one in found)


def test_the_page_is_what_the_code_gives_now() -> None:
    """If this fails on purpose: make accuracy."""
    written, now = rows_of(PAGE.read_text(encoding="utf-8")), rows_of(document(tuple(all_comparisons())))
    assert written.keys() == now.keys()
    for key, row in now.items():
        assert _agree(written[key], row), key
    assert all(row.verdict == "yes" for row in written.values())


def test_the_readme_has_the_pages_figures() -> None:
    found = list(all_comparisons())
    laplace = {one.case for one in found if one.method == "Laplace"}
    readme = " ".join((PAGE.parents[1] / "README.md").read_text(encoding="utf-8").split())
    files = {case(name).data for name in names()}
    assert f"holds {len(found)} numbers of {len(names())} models on {len(files)} data files" in readme
    assert f"in {len(laplace)} Laplace fits" in readme


def _agree(written: Row, now: Row) -> bool:
    ours, theirs = float(written.ours), float(written.theirs)
    return written.theirs == now.theirs and abs(ours - float(now.ours)) <= DIGITS * max(abs(theirs), abs(ours), 1e-3)
