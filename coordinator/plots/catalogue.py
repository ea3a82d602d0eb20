"""Every plot of a result, by its name."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from coordinator.plots.caterpillar import caterpillar
from coordinator.plots.convergence import convergence
from coordinator.plots.correlation import correlation
from coordinator.plots.estimates import Result
from coordinator.plots.forest import forest
from coordinator.plots.random_effects import random_effects


class PlotName(StrEnum):
    """What plots there are."""

    FOREST = "forest"  # the fixed effects
    RATIOS = "ratios"  # the same, exponentiated
    RANDOM_EFFECTS = "random_effects"  # standard deviations and correlations
    CATERPILLAR = "caterpillar"  # the sites' own effects
    CORRELATION = "correlation"  # of the fixed effects' estimates
    CONVERGENCE = "convergence"  # decrement and log-likelihood by round


_DRAWN: Mapping[PlotName, Callable[[Result], str]] = {
    PlotName.FOREST: forest,
    PlotName.RATIOS: lambda result: forest(result, exponentiate=True),
    PlotName.RANDOM_EFFECTS: random_effects,
    PlotName.CATERPILLAR: caterpillar,
    PlotName.CORRELATION: correlation,
    PlotName.CONVERGENCE: lambda result: convergence(result["convergence"]["trace"]),
}


def plot(name: PlotName, result: Result) -> str:
    """The plot of that name, as SVG for a page that has the stylesheet.

    Raises:
        RequestError: ratios of a model that has none.
    """
    return _DRAWN[name](result)
