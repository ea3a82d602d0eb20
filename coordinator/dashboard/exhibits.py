"""What a result is shown and handed out as: the one place where the pages meet plots, tables and pictures."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from markupsafe import Markup

from coordinator.client.ratios import ratios_in
from coordinator.client.tables import csv_table, html_table, latex_table
from coordinator.plots.catalogue import PlotName, plot
from coordinator.plots.conversion import as_pdf, as_png
from coordinator.plots.svg import standalone

Result = dict[str, Any]
FEWEST_TO_CORRELATE = 2
TITLES: Mapping[PlotName, str] = {
    PlotName.FOREST: "Fixed effects with their intervals",
    PlotName.RATIOS: "Ratios with their intervals",
    PlotName.RANDOM_EFFECTS: "Random effects: standard deviations and correlations",
    PlotName.CATERPILLAR: "The sites' own effects, where their policies release them",
    PlotName.CORRELATION: "Correlation of the estimates",
    PlotName.CONVERGENCE: "Convergence",
}


@dataclass(frozen=True)
class Download:
    """A file that is made of a result."""

    title: str
    media_type: str
    made: Callable[[Result], str | bytes]


def table_of(result: Result, *, exponentiate: bool) -> Markup:
    """The estimates as a table of a page."""
    return _part_of_a_page(html_table(result, exponentiate=exponentiate))


def plots_of(result: Result, *, exponentiate: bool) -> Iterator[tuple[str, Markup]]:
    """The plots that have something to show, with their titles, as parts of a page."""
    for name in _with_content(result, exponentiate=exponentiate):
        yield TITLES[name], _part_of_a_page(plot(name, result))


def downloads_of(result: Result) -> Mapping[str, Download]:
    """What can be taken away of a result, by the names of the files."""
    names = [*_with_content(result, exponentiate=False), PlotName.CONVERGENCE]
    more: dict[str, Download] = {}
    if ratios_in(result) is not None:
        names.insert(1, PlotName.RATIOS)
        more = {"ratios.csv": Download("The same as ratios", "text/csv", partial(csv_table, exponentiate=True))}
    return _TABLES | more | {f"{name}.{form}": one for name in names for form, one in _pictures(name)}


def _with_content(result: Result, *, exponentiate: bool) -> Iterator[PlotName]:
    effects = {row["effect"] for row in result["tidy"]}
    yield PlotName.RATIOS if exponentiate else PlotName.FOREST
    if "ran_pars" in effects:
        yield PlotName.RANDOM_EFFECTS
    if "ran_vals" in effects:
        yield PlotName.CATERPILLAR
    if len(result["vcov"]["names"]) >= FEWEST_TO_CORRELATE:
        yield PlotName.CORRELATION


def _pictures(name: PlotName) -> Iterator[tuple[str, Download]]:
    """A plot in each form that can be made here: two of them need an extra."""
    yield "svg", Download(TITLES[name], "image/svg+xml", lambda result: standalone(plot(name, result)))
    if find_spec("vl_convert") is not None:
        yield "png", Download(TITLES[name], "image/png", lambda result: as_png(plot(name, result)))
        yield "pdf", Download(TITLES[name], "application/pdf", lambda result: as_pdf(plot(name, result)))


def _part_of_a_page(html: str) -> Markup:
    return Markup(html)  # noqa: S704 -- tables and plots escape every text that they are made of


def _whole(result: Result) -> str:
    return json.dumps(result, allow_nan=False, ensure_ascii=False, indent=2) + "\n"


_TABLES: dict[str, Download] = {
    "result.json": Download("Everything, every number exactly", "application/json", _whole),
    "estimates.csv": Download("A row an estimate, in broom's columns, every number exactly", "text/csv", csv_table),
    "estimates.tex": Download("A table for print and for pages, rounded", "application/x-tex", latex_table),
    "estimates.html": Download("A table for print and for pages, rounded", "text/html", html_table),
}
