"""The notebook that this project grew out of, and where it is wrong (docs/erratum.md)."""

import numpy as np
from scipy.optimize import root

from site_node.estimation.laplace import laplace
from site_node.estimation.slab import at_mode
from tests.reference.cases import case, fit

PRINTED = np.array(
    [
        -0.02635409,
        0.2838822,
        -1.98640254,
        -5.12083263,
        1.09260947,
        -5.25923557,
        -2.03314193,
        -1.86771009,
        2.24603706,
        3.16022686,
    ]
)
"""The notebook's answer for two simulated sites, tau = 1."""
OPTIMUM = np.array(
    [
        -0.027336835,
        0.291910647,
        -2.039133124,
        -5.256373526,
        1.121425124,
        -5.398448976,
        -2.086694625,
        -1.917269044,
        2.305645891,
        3.243780153,
    ]
)
"""The Laplace optimum, on which lme4 and glmmTMB agree."""


def test_the_optimum_is_not_what_the_notebook_printed() -> None:
    one = case("seed_two_sites")
    state = fit(one.sites(2), one.with_known_sd(1.0))
    np.testing.assert_allclose(state.psi, OPTIMUM, atol=5e-10)
    assert state.log_likelihood is not None
    assert abs(state.log_likelihood - -72.142331234180) < 1e-10
    assert 0.138 < np.max(np.abs(state.psi - PRINTED)) < 0.140


def test_the_printed_answer_is_where_the_log_determinants_gradient_enters_with_the_wrong_sign() -> None:
    one = case("seed_two_sites")
    model = one.with_known_sd(1.0)
    (rows,) = one.sites(1)

    def wrong_gradient(psi: np.ndarray) -> np.ndarray:
        """L' = (sum l - u'u/2)' - (log det H)'/2, with a plus instead of the second minus."""
        slab = at_mode(rows, model, model.layout.unpack(psi))
        (piece,) = slab.pieces
        l1 = piece.l[1]
        return 2.0 * slab.d_sum(l1 @ rows.X, piece.z_sum(l1)) - laplace(slab).gradient

    found = root(wrong_gradient, PRINTED, tol=1e-13)
    assert np.max(np.abs(found.x - PRINTED)) < 6e-9  # half a unit of the last printed digit


def test_with_tau_estimated_the_simulation_has_no_site_effect() -> None:
    one = case("seed_two_sites")
    state = fit(one.sites(2), one.model)
    assert state.ending == "boundary"
    assert state.log_likelihood is not None
    assert abs(state.log_likelihood - -70.373704273) < 1e-9
