"""Every family of the registry against arithmetic of many digits, against scipy's densities, and outside its domain."""

import math
from itertools import product

import numpy as np
import pytest
from mpmath import mp, mpf  # type: ignore[import-untyped]  # mpmath ships no type information
from scipy import stats

from shared.families import DISPERSION, LINKS, FamilyName
from shared.optimisation.dispersion import initial_log_phi
from site_node.estimation.families import REGISTRY
from tests.unit.generated import mean_of, predictors, response

ONE = np.ones(1)
ETAS = (-700.0, -30.0, -3.9, -2.2, -0.6, 0.3, 1.7, 4.4, 30.0, 700.0)
RESPONSES = {
    "binomial": (0.0, 0.3, 1.0),
    "poisson": (0.0, 1.0, 1000.0),
    "negative_binomial": (0.0, 1.0, 1000.0),
    "gaussian": (-1e3, 0.0, 1.3),
    "gamma": (1e-8, 1.3, 1e3),
    "inverse_gaussian": (1e-8, 1.3, 1e6),
}
PHIS = (1e-3, 1.0, 9.5, 1e6)
FAR = 25.0
"""Predictors from which on many digits are needed: 340 see 1e-304 beside a number of order 1."""
DISPERSED = [key for key, family in REGISTRY.items() if family.dispersion]
LIMITED = [key for key, family in REGISTRY.items() if family.limited]


def in_domain(key: tuple[str, str], eta: float) -> bool:
    return bool(np.isfinite(mean_of(key, np.array([min(max(eta, -690.0), 690.0)]))[0]))


def textbook(key: tuple[str, str], y: float, eta: mpf, log_phi: mpf) -> mpf:
    """The log-likelihood in exact arithmetic, but for what depends on y alone, and gamma functions."""
    family, link = key
    y, phi = mpf(y), mp.exp(log_phi)
    if family == "binomial":
        if link == "probit":
            mu, rest = mp.ncdf(eta), mp.ncdf(-eta)
        elif link == "logit":
            mu, rest = 1 / (1 + mp.exp(-eta)), 1 / (1 + mp.exp(eta))
        elif link == "cloglog":
            mu, rest = -mp.expm1(-mp.exp(eta)), mp.exp(-mp.exp(eta))
        else:
            mu, rest = mp.exp(eta), -mp.expm1(eta)
        return (y * mp.log(mu) if y else 0) + ((1 - y) * mp.log(rest) if y < 1 else 0) - xlogx(y) - xlogx(1 - y)
    mu = eta if link == "identity" else 1 / eta if link == "inverse" else mp.exp(eta)
    if family == "gaussian":
        return -(((y - eta) / phi) ** 2) / 2 - log_phi
    if family == "gamma":
        return phi * (log_phi - mp.log(mu / y) - y / mu) + mp.log(2 * mp.pi) / 2
    if family == "inverse_gaussian":
        return log_phi / 2 - phi * (y - mu) ** 2 / (2 * mu**2 * y)
    poisson = y - xlogx(y)
    if family == "poisson":
        return y * eta - mu + poisson
    return poisson - phi * mp.log(1 + mu / phi) + y * (eta - mp.log(phi + mu))


def gammas(key: tuple[str, str], y: float, log_phi: mpf) -> mpf:
    """The part of gamma functions, which are slow where digits are many."""
    phi = mp.exp(log_phi)
    if key[0] == "gamma":
        return -mp.loggamma(phi)
    return mp.loggamma(y + phi) - mp.loggamma(phi) if key[0] == "negative_binomial" else mpf(0)


def xlogx(x: mpf) -> mpf:
    return x * mp.log(x) if x else mpf(0)


def as_float(x: mpf) -> float:
    return float(mp.re(x))


@pytest.mark.parametrize("key", REGISTRY)
def test_the_log_likelihood_and_its_four_derivatives_agree_with_those_of_many_digits(key: tuple[str, str]) -> None:
    family = REGISTRY[key]
    for y, eta, phi in product(RESPONSES[key[0]], ETAS, PHIS if family.dispersion else (1.0,)):
        if not in_domain(key, eta):
            continue
        log_phi = math.log(phi)
        row = (np.array([y]), ONE, np.array([eta]), log_phi)
        found = [family.log_likelihood(*row), *family.derivatives(*row, 4)]
        for order, (one, truth) in enumerate(zip(found, exact(key, y, eta, log_phi), strict=True)):
            if math.isinf(truth):
                assert not np.isnan(one[0])
            else:
                floor = 1e-45 if abs(eta) < FAR else 1e-220 if abs(eta) < 2 * FAR else 1e-300
                assert one[0] == pytest.approx(truth, rel=5e-12, abs=floor), (y, eta, phi, order)


def exact(key: tuple[str, str], y: float, eta: float, log_phi: float) -> list[float]:
    """The log-likelihood and its four derivatives in eta."""
    with mp.workdps(60 if abs(eta) < FAR else 230 if abs(eta) < 2 * FAR else 340):
        value, *slopes = mp.diffs(lambda x: textbook(key, y, x, mpf(log_phi)), mpf(eta), 4)
    with mp.workdps(60):
        return [as_float(value + gammas(key, y, mpf(log_phi))), *map(as_float, slopes)]


@pytest.mark.parametrize("key", DISPERSED)
def test_the_dots_agree_with_those_of_many_digits(key: tuple[str, str]) -> None:
    family = REGISTRY[key]
    names = {
        "l_d": (0, 1),
        "l1_d": (1, 1),
        "l2_d": (2, 1),
        "l3_d": (3, 1),
        "l_dd": (0, 2),
        "l1_dd": (1, 2),
        "l2_dd": (2, 2),
    }
    for y, eta, phi in product(RESPONSES[key[0]], (-8.1, -0.6, 1.7, 8.1), PHIS):
        if not in_domain(key, eta):
            continue
        at = (mpf(eta), mpf(math.log(phi)))
        dots = family.dispersion_derivatives(np.array([y]), ONE, np.array([eta]), math.log(phi))
        for name, orders in names.items():
            with mp.workdps(60):
                truth = mp.diff(lambda x, at, y=y: textbook(key, y, x, at), at, orders)
                if orders[0] == 0:
                    truth += mp.diff(lambda at, y=y: gammas(key, y, at), at[1], orders[1])
            assert getattr(dots, name)[0] == pytest.approx(as_float(truth), rel=5e-12, abs=1e-14), (y, eta, phi, name)


@pytest.mark.parametrize("key", DISPERSED)
def test_no_dot_is_nan_at_a_far_predictor(key: tuple[str, str]) -> None:
    for y, eta, phi in product(RESPONSES[key[0]], (-700.0, 700.0), PHIS):
        if in_domain(key, eta):
            dots = family_dots(key, y, eta, phi)
            assert not any(np.isnan(dot[0]) for dot in dots), (y, eta, phi)


def family_dots(key: tuple[str, str], y: float, eta: float, phi: float) -> list[np.ndarray]:
    dots = REGISTRY[key].dispersion_derivatives(np.array([y]), ONE, np.array([eta]), math.log(phi))
    return list(vars(dots).values())


def density(key: tuple[str, str], y: np.ndarray, size: np.ndarray, mu: np.ndarray, phi: float) -> np.ndarray:
    match key[0]:
        case "binomial":
            return np.asarray(stats.binom.logpmf(np.rint(size * y), size, mu))
        case "poisson":
            return np.asarray(stats.poisson.logpmf(y, mu))
        case "negative_binomial":
            return np.asarray(stats.nbinom.logpmf(y, phi, phi / (phi + mu)))
        case "gaussian":
            return np.asarray(stats.norm.logpdf(y, mu, phi))
        case "gamma":
            return np.asarray(stats.gamma.logpdf(y, phi, scale=mu / phi))
        case _:
            return np.asarray(stats.invgauss.logpdf(y, mu / phi, scale=phi))


@pytest.mark.parametrize("key", REGISTRY)
def test_with_its_constant_the_log_likelihood_is_the_density(key: tuple[str, str]) -> None:
    rng, family, phi = np.random.default_rng(1), REGISTRY[key], 2.7
    eta = predictors(key, 0.7 * rng.normal(size=50))
    size = rng.integers(1, 20, 50).astype(float)
    y = rng.binomial(size.astype(int), mean_of(key, eta)) / size if key[0] == "binomial" else response(key, eta, rng)
    weight = size if key[0] == "binomial" else np.ones(50)
    log_phi = math.log(phi) if family.dispersion else 0.0
    value = np.sum(family.log_likelihood(y, weight, eta, log_phi)) + family.constant(y, weight)
    assert value == pytest.approx(np.sum(density(key, y, size, mean_of(key, eta), phi)), rel=1e-10)


@pytest.mark.parametrize("key", [key for key in REGISTRY if key[0] != "binomial"])
def test_a_weight_multiplies_everything(key: tuple[str, str]) -> None:
    rng, family = np.random.default_rng(1), REGISTRY[key]
    eta = predictors(key, rng.normal(size=9))
    y = response(key, eta, rng)
    for weight in (np.ones(9), np.full(9, 2.5)):
        times = weight[0]
        assert family.constant(y, weight) == pytest.approx(times * family.constant(y, np.ones(9)))
        found = [family.log_likelihood(y, weight, eta, 0.3), *family.derivatives(y, weight, eta, 0.3, 4)]
        single = [family.log_likelihood(y, np.ones(9), eta, 0.3), *family.derivatives(y, np.ones(9), eta, 0.3, 4)]
        np.testing.assert_allclose(found, times * np.array(single), rtol=1e-12)


@pytest.mark.parametrize("key", REGISTRY)
def test_the_expected_information_is_the_variance_of_the_score_and_a_start_is_inside(key: tuple[str, str]) -> None:
    """By means over many drawn responses, at the dispersion that working() is for."""
    rng, family = np.random.default_rng(1), REGISTRY[key]
    eta = np.repeat(predictors(key, np.array([-0.8, 0.2, 0.9])), 200_000)
    y, weight = drawn(key, mean_of(key, eta), rng), np.full(len(eta), 2.0)
    score, information = family.working(y, weight, eta)
    assert (information >= 0.0).all()
    for of_one in np.split(np.arange(len(eta)), 3):
        expected = 2.0 * np.mean(information[of_one])
        assert np.var(score[of_one]) == pytest.approx(expected, rel=0.03)
        assert abs(np.mean(score[of_one])) < 5.0 * math.sqrt(expected / 200_000)
    start = family.initial_eta(y, weight)
    assert np.isfinite(mean_of(key, start)).all()
    assert np.isfinite(family.log_likelihood(y, weight, start, 0.0)).all()


def drawn(key: tuple[str, str], mu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Responses of these means at unit dispersion."""
    match key[0]:
        case "binomial":
            return (rng.random(len(mu)) < mu).astype(float)
        case "poisson" | "negative_binomial":
            return rng.poisson(mu).astype(float)
        case "gaussian":
            return rng.normal(mu)
        case "gamma":
            return rng.exponential(mu)
        case _:
            return rng.wald(mu, 1.0)


@pytest.mark.parametrize("key", [("binomial", "logit"), ("binomial", "probit"), ("binomial", "log")])
def test_a_proportion_far_from_its_mean_has_a_finite_log_likelihood(key: tuple[str, str]) -> None:
    row = (np.array([0.25]), ONE, np.array([-60.0]), 0.0)
    assert np.isfinite(REGISTRY[key].log_likelihood(*row)).all()


@pytest.mark.parametrize("key", LIMITED)
def test_outside_its_domain_a_link_says_so_and_warns_of_nothing(key: tuple[str, str]) -> None:
    family = REGISTRY[key]
    outside = np.array([0.0, 0.0, 1.0, 700.0, 1e300]) * (1.0 if key == ("binomial", "log") else -1.0)
    for y, weight in product((1.0, 0.4, 0.0) if key[0] == "binomial" else (1e-8, 3.0), (0.0, 2.0)):
        rows = (np.full(5, y), np.full(5, weight), outside)
        assert (family.log_likelihood(*rows, 0.3) == -np.inf).all()
        assert np.isnan(family.derivatives(*rows, 0.3, 4)).all()
        assert np.isnan(family.working(*rows)).all()
        if family.dispersion:
            dots = family.dispersion_derivatives(*rows, 0.3)
            assert np.isnan([dots.l1_d, dots.l2_d, dots.l3_d, dots.l1_dd, dots.l2_dd]).all()


def test_a_negative_binomial_of_a_large_size_is_poisson() -> None:
    y, eta = np.array([0.0, 1.0, 7.0, 1000.0]), np.array([-2.0, 0.3, 2.2, 6.5])
    row = (y, np.ones(4), eta)
    negative_binomial, poisson = REGISTRY["negative_binomial", "log"], REGISTRY["poisson", "log"]
    for order in range(5):
        limit = [poisson.log_likelihood(*row, 0.0), *poisson.derivatives(*row, 0.0, 4)][order]
        near = [negative_binomial.log_likelihood(*row, 60.0), *negative_binomial.derivatives(*row, 60.0, 4)]
        np.testing.assert_allclose(near[order], limit, rtol=1e-12)


def test_a_specification_knows_the_registrys_families_and_links_and_which_have_a_dispersion() -> None:
    assert {(family, link) for family, links in LINKS.items() for link in links} == set(REGISTRY)
    for family, links in LINKS.items():
        for link in links:
            assert REGISTRY[family, link].dispersion == DISPERSION.get(family, "")


@pytest.mark.parametrize("family", DISPERSION)
def test_a_dispersion_starts_where_the_variance_of_responses_is_the_one_seen(family: FamilyName) -> None:
    s2, mean = 2.4, 1.7
    phi = math.exp(initial_log_phi(DISPERSION[family], s2, mean))
    variance_function, of_phi = {
        "gaussian": (1.0, phi**2),
        "negative_binomial": (mean, mean + mean**2 / phi),
        "gamma": (mean**2, mean**2 / phi),
        "inverse_gaussian": (mean**3, mean**3 / phi),
    }[family]
    assert of_phi == pytest.approx(s2 * variance_function)
    assert math.exp(initial_log_phi("size", 0.9, mean)) == pytest.approx(mean / 0.05)
