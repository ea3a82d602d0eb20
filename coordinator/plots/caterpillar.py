"""The sites' own effects, in order."""

from coordinator.plots.estimates import Estimate, Result, rows_of, without_estimates
from coordinator.plots.intervals import MOST_LABELLED, WIDTH, Panel, drawn
from coordinator.plots.svg import document
from coordinator.plots.wordless import nothing

NAME, TITLE = "caterpillar", "Site effects"


def caterpillar(result: Result) -> str:
    """The sites' effects with intervals by their conditional standard deviations, the largest first; a panel a term.

    Args:
        result: the canonical result.

    Returns:
        SVG, with rows as `forest` has them; in words, if the sites released no effects.
    """
    rows = rows_of(result, "ran_vals")
    why = without_estimates(result) or (None if rows else _why_none(result))
    if why is not None:
        return nothing(NAME, TITLE, why)
    level = f"{100.0 * result['specification']['confidence_level']:.6g}% interval"
    body, top, told = [], 0.0, []
    for term in dict.fromkeys(row["term"] for row in rows):
        own = sorted((row for row in rows if row["term"] == term), key=_largest_first)
        estimates = tuple(Estimate.of(row, row["level"]) for row in own)
        heading = "Site" if len(own) <= MOST_LABELLED else f"{len(own)} sites, the largest effect first"
        panel = Panel(heading, "Effect", level, estimates, axis_name=f"Effect on {term}")
        body.append(drawn(panel, top))
        told.append(panel.in_words())
        top += panel.height
    described = f"Each site's effect and its interval by the conditional standard deviation. {' '.join(told)}"
    return document(NAME, TITLE, described, (WIDTH, top), *body)


def _largest_first(row: Result) -> tuple[bool, float, str]:
    estimate = row["estimate"]
    return estimate is None, -(estimate or 0.0), row["level"]


def _why_none(result: Result) -> str:
    if not any(term["group"] == "site" for term in result["specification"]["random"]):
        return "There are no site effects: the site is no grouping factor of this model."
    return "The sites released no effects of their own."
