"""The third-order correction of Newton's step does what it promises, and nothing where it knows nothing."""

import numpy as np
import pytest

from shared.optimisation.arithmetic import positive_ldl
from shared.optimisation.bend import Bend

ROOT = 1.0
"""Where exp(-x) = exp(-1): L' of the function below is zero there."""


def slope(x: float) -> float:
    return float(np.exp(-x) - np.exp(-ROOT))


def corrected(bend: Bend, A: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    factored = positive_ldl(A)
    assert factored is not None
    s = factored.solve(g)
    return s, bend.correction(A, factored, s)


def error_after(x: float, before: float) -> tuple[float, float]:
    """Of Newton's step from x, and of the corrected one, after a move that came from `before`."""
    A = np.array([[np.exp(-x)]])
    bend = Bend(np.array([x - before]), A - np.exp(-before))
    s, c = corrected(bend, A, np.array([slope(x)]))
    return abs(x + s[0] - ROOT), abs(x + s[0] + c[0] - ROOT)


def test_the_corrected_error_is_of_higher_order_than_newtons() -> None:
    newton, bent = zip(*(error_after(ROOT - h, ROOT - 2 * h) for h in (0.04, 0.02, 0.01)), strict=True)
    assert np.all(np.array(bent) < np.array(newton) / 10)
    orders = np.log2([newton[0] / newton[1], newton[1] / newton[2]]), np.log2([bent[0] / bent[1], bent[1] / bent[2]])
    assert np.all(np.abs(orders[0] - 2.0) < 0.1)
    assert np.all(np.abs(orders[1] - 3.0) < 0.1)


A = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 2.0]])
CHANGE = np.array([[0.3, 0.1, 0.0], [0.1, -0.2, 0.1], [0.0, 0.1, 0.4]])
G = np.array([1.0, -2.0, 0.5])


def test_it_is_never_longer_than_newtons_step() -> None:
    s, c = corrected(Bend(np.linalg.solve(A, G), 1e6 * CHANGE), A, G)
    assert c @ A @ c == pytest.approx(s @ A @ s)


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(np.zeros(3), id="there was no move"),
        pytest.param(np.array([2.0, 1.0, 0.0]), id="the step goes another way"),
        pytest.param(0.4 * np.linalg.solve(A, G), id="the step goes much further than the move"),
    ],
)
def test_it_is_nothing_where_the_last_move_says_nothing(move: np.ndarray) -> None:
    _, c = corrected(Bend(move, CHANGE), A, G)
    assert not c.any()


def test_parameters_that_are_held_have_no_part_in_it() -> None:
    part = Bend(G, CHANGE).along(np.array([0, 2]))
    assert part.move.tolist() == [1.0, 0.5]
    assert part.change.tolist() == [[0.3, 0.0], [0.0, 0.4]]
