"""The numbers of a plot are those of the result: read from what was drawn, not from what was asked for."""

import sys
from collections.abc import Callable, Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from coordinator.client import Fit
from coordinator.client.random_part import NotReleasedError
from shared.errors import RequestError, SettingsError
from tests.unit.finished import result


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    mpl.use("agg")
    yield
    plt.close("all")


def drawn(axes: Axes) -> tuple[list[str], list[float], list[tuple[float, float]]]:
    """The labels, the points and the ends of the lines, from the top."""
    points, lines = np.asarray(axes.collections[1].get_offsets()), axes.collections[0]
    assert isinstance(lines, LineCollection)
    order = np.argsort(points[:, 1])
    labels = [label.get_text() for label in axes.get_yticklabels()]
    ends = [(float(low), float(high)) for low, high in (segment[:, 0] for segment in lines.get_segments())]
    return [labels[k] for k in order], [float(points[k, 0]) for k in order], [ends[k] for k in order]


def test_a_forest_has_every_fixed_effect_but_the_intercept_with_its_interval() -> None:
    fit = Fit(result())
    (labels, points, ends) = drawn(fit.plot.forest())
    assert (labels, points) == (["x_dose"], [-1.2])
    assert ends == [pytest.approx(fit.conf_int()["x_dose"])]


def test_a_forest_of_ratios_is_on_a_log_axis_around_one() -> None:
    fit = Fit(result())
    axes = fit.plot.forest(exponentiate=True, conf_level=0.9)
    (row,) = fit.tidy("fixed", exponentiate=True, conf_level=0.9)[1:]
    _, points, ends = drawn(axes)
    assert points == [row["estimate"]]
    assert ends == [pytest.approx((row["conf.low"], row["conf.high"]))]
    assert axes.get_xscale() == "log"
    assert np.asarray(axes.lines[0].get_xdata())[0] == 1.0
    assert axes.get_xlabel() == "Odds ratio, 90% interval"


@pytest.mark.parametrize(
    ("family", "link", "said"),
    [
        ("binomial", "log", "Risk ratio, 95% interval"),
        ("poisson", "log", "Rate ratio, 95% interval"),
        ("binomial", "probit", "exp(estimate), 95% interval"),
    ],
)
def test_a_ratio_is_called_as_on_the_page_and_what_is_none_by_its_formula(family: str, link: str, said: str) -> None:
    axes = Fit(result() | {"family": family, "link": link}).plot.forest(exponentiate=True)
    assert axes.get_xlabel() == said


def test_a_caterpillar_has_the_sites_in_order_of_their_effects() -> None:
    fit = Fit(result())
    assert drawn(fit.plot.caterpillar())[:2] == (["Aarau", "Bern"], [0.4, -0.4])
    assert drawn(fit.plot.caterpillar(term="x_dose"))[:2] == (["Bern", "Aarau"], [0.1, -0.1])
    with pytest.raises(RequestError, match=r"no effect `x`\. There are: \(Intercept\), x_dose"):
        fit.plot.caterpillar(term="x")


def test_a_caterpillar_of_effects_that_no_site_released_says_so() -> None:
    with pytest.raises(NotReleasedError, match="shares_own"):
        Fit(result(effects=False)).plot.caterpillar()


def test_convergence_shows_the_decrement_of_every_round() -> None:
    axes = Fit(result()).plot.convergence()
    assert np.asarray(axes.lines[0].get_xydata()).tolist() == [[1.0, 0.02], [2.0, 1e-18]]
    assert axes.get_yscale() == "log"


def test_correlations_are_those_of_the_covariance() -> None:
    made = result()
    made["vcov"]["matrix"] = [[4.0, -3.0], [-3.0, 9.0]]
    axes = Fit(made).plot.correlation()
    shown = axes.images[0].get_array()
    assert shown is not None
    np.testing.assert_allclose(shown, [[1.0, -0.5], [-0.5, 1.0]])
    assert [text.get_text() for text in axes.texts] == ["1.00", "-0.50", "-0.50", "1.00"]


def test_a_plot_is_drawn_on_the_axes_that_are_given() -> None:
    _, axes = plt.subplots(2, 2)
    plot = Fit(result()).plot
    methods: tuple[Callable[[Axes], Axes], ...] = (plot.forest, plot.caterpillar, plot.convergence, plot.correlation)
    for method, own in zip(methods, axes.flat, strict=True):
        assert method(own) is own


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "coordinator.client.drawing", raising=False)
    with pytest.raises(SettingsError) as caught:
        Fit(result()).plot.forest()
    assert str(caught.value) == "plot.forest: plots need matplotlib. pip install '.[plots]' brings it."
