"""A model whose specification or whose start is too large is refused when it is resolved, and no other."""

import numpy as np
import pytest

from coordinator.request import resolve
from coordinator.sizes import LARGEST_SPECIFICATION, start_bytes
from shared.contribution import Contribution
from shared.dictionary import Dictionary, Variable
from shared.errors import RequestError
from shared.messages import LARGEST_ANSWER, StartMessage, StartReply
from shared.optimisation.start import StartContribution, grid, totals_size
from shared.parameters import Dispersion, ParameterLayout
from shared.request import AnalysisRequest
from shared.specification import Specification

KNOWN = Dictionary(
    variables=(
        Variable(name="y", type="number"),
        *(Variable(name=letter, type="number") for letter in "abcdefghijklmnopqrstuv"),
        *(
            Variable(name=f"f{levels}", type="factor", levels=tuple(f"level {k}" for k in range(levels)))
            for levels in (2, 10, 250, 450, 999)
        ),
    )
)


def resolved(formula: str) -> Specification:
    return resolve(AnalysisRequest(formula=formula, family="gaussian"), KNOWN, ["Bern"])


def layout_of(p: int, q: int, *, correlated: bool = True, dispersion: Dispersion = "") -> ParameterLayout:
    fixed, random = (tuple(f"{kind}{k}" for k in range(number)) for kind, number in (("x", p), ("z", q)))
    return ParameterLayout.of_one_term(fixed, random, correlated=correlated, dispersion=dispersion)


LAYOUTS = [
    layout_of(12, 0),
    layout_of(60, 1, dispersion="sigma"),
    layout_of(40, 2),
    layout_of(20, 5, dispersion="sigma"),
    layout_of(20, 5, correlated=False),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_start_is_no_larger_than_was_foreseen_and_hardly_smaller(layout: ParameterLayout) -> None:
    rng = np.random.default_rng(7)
    p, size = layout.p, layout.size
    quadratics = []
    for _ in grid(layout):
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        gradient[:p], root = rng.normal(0, 100, p), rng.normal(size=(p, p))
        hessian[:p, :p] = -(root @ root.T)
        if layout.dispersion:
            hessian[-1, -1] = -rng.exponential()
        quadratics.append(Contribution(rng.normal(), gradient, hessian))
    start = StartContribution(tuple(quadratics), rng.normal(size=totals_size(layout)))
    written = len(StartReply(start=StartMessage.of(start)).written)
    assert 0.75 * start_bytes(layout) < written < start_bytes(layout) + 1000


@pytest.mark.parametrize("formula", ["y ~ f450 + (1 + a | site)", "y ~ f250 + (f10 + f10:a | site)"])
def test_a_start_that_cannot_be_answered_is_refused_with_its_size_and_the_remedy(formula: str) -> None:
    with pytest.raises(
        RequestError, match=r"every site's start would have about \d+ MB, and 64 MB is the limit"
    ) as caught:
        resolved(formula)
    assert "random effects a group: use fewer" in caught.value.remedy


@pytest.mark.parametrize("formula", ["y ~ f999 + (1 | site)", "y ~ f250 + (1 + a | site)"])
def test_a_start_that_can_be_answered_is_let_pass(formula: str) -> None:
    assert start_bytes(resolved(formula).layout) <= LARGEST_ANSWER


def test_a_specification_of_more_than_a_megabyte_is_refused_with_its_size_and_the_remedy() -> None:
    sums = " + ".join(f"I({' + '.join('abcdefghijklmnopqrstuv'[first:])})" for first in range(6))
    request = f"y ~ f10 * f2 * ({sums})^3"
    with pytest.raises(RequestError, match=r"specification has \d\.\d MB, and 1 MB is the limit") as caught:
        resolved(request)
    assert caught.value.where == "formula"
    assert "variable of the dictionary" in caught.value.remedy
    assert len(request) < 600
    written = len(resolved(f"y ~ f2 * ({sums})^3").model_dump_json())
    assert LARGEST_SPECIFICATION / 4 < written < LARGEST_SPECIFICATION
