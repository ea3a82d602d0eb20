"""A result as one printable page: HTML with its style and its pictures in it, no script, nothing to load."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from coordinator.client import wald
from coordinator.client.ratios import ratios_in
from coordinator.plots.catalogue import PlotName, plot
from coordinator.plots.estimates import Result, without_estimates
from coordinator.plots.style import STYLE
from coordinator.report import tables, wording
from shared.page.templates import templates_in

HERE = Path(__file__).parent
FEWEST_TO_CORRELATE = 2


@dataclass(frozen=True)
class Occasion:
    """Which analysis of which coordinator a result is of: what the result itself does not know."""

    analysis: str
    owner: str | None
    submitted: str
    """ISO 8601."""
    ended: str
    calls: Mapping[str, str] = field(default_factory=dict)
    """The same request again, by what it is written in (coordinator/calls.py)."""


def report(result: Result, occasion: Occasion | None = None) -> str:
    """The report.

    Args:
        result: the canonical result.
        occasion: which analysis it is of, if that is known.
    """
    shows_estimates = without_estimates(result) is None
    return (
        _environment()
        .get_template("report.html")
        .render(
            result=result,
            occasion=occasion,
            style=Markup(style()),  # noqa: S704 -- the package's own
            model=wording.in_words(result),
            outcome=result["convergence"]["outcome"].replace("_", " "),
            warnings=[one for one in result["warnings"] if one["code"] != result["convergence"]["outcome"]],
            shows_estimates=shows_estimates,
            plots={name.value: Markup(svg) for name, svg in _plots(result).items()},  # noqa: S704 -- escaped there
            tables=tables,
            count=wording.count,
            rounds=wording.rounds,
            intervals=wald.IN_WORDS,
        )
    )


@cache
def style() -> str:
    """The page's stylesheet, with that of the plots."""
    return (HERE / "report.css").read_text(encoding="utf-8") + STYLE


def _plots(result: Result) -> Mapping[PlotName, str]:
    """Those that say something of this result."""
    names = [PlotName.CONVERGENCE] if result["convergence"]["trace"] else []
    if without_estimates(result) is None:
        effects = {row["effect"] for row in result["tidy"]}
        has_ratios = ratios_in(result) is not None
        names.append(PlotName.RATIOS if has_ratios else PlotName.FOREST)
        names += [PlotName.RANDOM_EFFECTS] if "ran_pars" in effects else []
        names += [PlotName.CATERPILLAR] if "ran_vals" in effects else []
        names += [PlotName.CORRELATION] if len(result["vcov"]["names"]) >= FEWEST_TO_CORRELATE else []
    return {name: plot(name, result) for name in names}


@cache
def _environment() -> Environment:
    return templates_in(HERE, {}, {})
