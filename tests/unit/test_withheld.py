"""At which rounds a site may say nothing because of a single unit (G1), and at which it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from shared.contribution import Contribution
from shared.messages import EvaluateRequest
from shared.optimisation.start import StartContribution
from shared.optimisation.step import begin, step
from shared.parameters import ParameterLayout
from site_node.release.rounds import Point
from site_node.release.withheld import MOST_WITHHELD, may_withhold
from tests.unit.smallest import SPECIFICATION


def asked(number: int, psi: float, points: int = 1) -> EvaluateRequest:
    told = {"round": number, "psi": [psi], "basis": [], "specification_sha256": SPECIFICATION.sha256}
    return EvaluateRequest.model_validate({"kind": "evaluate", "previous": None, "quadrature_points": points} | told)


ANSWERED = {0: ((), (), 1), 1: ((0.1,), (), 1), 2: ((0.2,), (), 1)}


@pytest.mark.parametrize(
    ("request_", "answered", "may"),
    [
        (asked(1, 0.1), {0: ANSWERED[0]}, False),
        (asked(5, 0.1), {}, False),
        (asked(2, 0.2), ANSWERED, True),
        (asked(3, 0.3), ANSWERED, True),
        (asked(3, 0.1, points=5), ANSWERED, False),
    ],
    ids=["the first psi", "after a restart without a memory", "a trial", "the next", "a psi again with more nodes"],
)
def test_without_proved_sums_a_trial_is_what_comes_after_an_answer_and_at_a_new_psi(
    request_: EvaluateRequest, answered: dict[int, Point], may: bool
) -> None:
    assert may_withhold(request_, answered, set(), None) == may


def test_with_proved_sums_a_trial_is_where_the_step_has_a_point_to_go_back_to() -> None:
    layout = ParameterLayout(("x",))
    start = StartContribution((Contribution(-9.0, np.ones(1), -np.eye(1)),), np.array([9.0, 1.0, 9.0, 0.0, 0.0, 0.0]))
    begun = begin(layout, start, tolerance=1e-16, max_rounds=50)
    gone_on = step(begun, Contribution(-9.0, np.ones(1), -np.eye(1)))
    assert not may_withhold(asked(1, 0.1), ANSWERED, set(), begun)
    assert may_withhold(asked(2, 0.3), {}, set(), gone_on)
    assert not may_withhold(asked(2, 0.3), {}, set(), replace(gone_on, point=None)), "as with more nodes at its psi"


def test_there_are_three_an_analysis_and_each_of_them_may_be_asked_for_again() -> None:
    withheld = set(range(4, 4 + MOST_WITHHELD))
    assert MOST_WITHHELD == 3
    assert may_withhold(asked(7, 0.7), ANSWERED, {4, 5}, None)
    assert not may_withhold(asked(7, 0.7), ANSWERED, withheld, None)
    assert all(may_withhold(asked(number, 0.4), ANSWERED, withheld, None) for number in withheld)
