"""`fit.plot`: the plots of a fit, drawn by matplotlib where it is installed."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from coordinator.client.random_part import ranef
from shared.errors import SettingsError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INSTALL = "pip install '.[plots]'"


@dataclass(frozen=True)
class Plots:
    """Plots of a canonical result. Each draws on the axes that it is given, or on new ones, and returns them.

    Every method raises SettingsError if matplotlib is not installed.
    """

    result: Mapping[str, Any]

    def forest(
        self, ax: "Axes | None" = None, *, exponentiate: bool = False, conf_level: float | None = None
    ) -> "Axes":
        """The fixed effects but the intercept with their intervals; `exponentiate` draws ratios on a log axis."""
        return self._drawn("forest", ax, exponentiate=exponentiate, conf_level=conf_level)

    def caterpillar(
        self, ax: "Axes | None" = None, *, term: str | None = None, conf_level: float | None = None
    ) -> "Axes":
        """The sites' own effects with their intervals, in order; of the first random effect unless a term is named.

        Raises:
            NotReleasedError: no site released its own.
            RequestError: there is no such term.
        """
        ranef(self.result)
        return self._drawn("caterpillar", ax, term=term, conf_level=conf_level)

    def convergence(self, ax: "Axes | None" = None) -> "Axes":
        """The Newton decrement by round."""
        return self._drawn("convergence", ax)

    def correlation(self, ax: "Axes | None" = None) -> "Axes":
        """The correlations of the estimates of the fixed effects."""
        return self._drawn("correlation", ax)

    def _drawn(self, name: str, ax: "Axes | None", **options: Any) -> "Axes":
        try:
            drawing = import_module("coordinator.client.drawing")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "matplotlib":
                raise
            raise SettingsError(
                "plots need matplotlib.", where=f"plot.{name}", remedy=f"{INSTALL} brings it."
            ) from None
        axes: Axes = getattr(drawing, name)(self.result, ax, **options)
        return axes
