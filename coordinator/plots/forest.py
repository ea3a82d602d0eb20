"""The fixed effects with their intervals."""

from coordinator.client.estimates import INTERCEPT
from coordinator.client.ratios import ratio_name, ratios_in
from coordinator.plots.estimates import Estimate, Result, level_of, rows_of, without_estimates
from coordinator.plots.intervals import MOST_LABELLED, WIDTH, Panel, drawn
from coordinator.plots.svg import document
from coordinator.plots.wordless import nothing
from shared.errors import RequestError


def forest(result: Result, exponentiate: bool = False, intercept: bool = False) -> str:
    """The fixed effects with their intervals, on the link's scale or exponentiated on a logarithmic axis.

    Args:
        result: the canonical result.
        exponentiate: whether to show ratios.
        intercept: whether to show the intercept too; it is shown where there is nothing else.

    Returns:
        SVG. Each row is `<g class="row" data-label data-estimate data-low data-high>`, its numbers as they are shown, exactly.

    Raises:
        RequestError: coefficients of this family and link have no meaning as ratios, or there is only an intercept.
    """
    quantity, name = _quantity(result), "forest"
    if exponentiate:
        quantity, name = _ratio(result), "ratios"
    rows = rows_of(result, "fixed")
    rows = [row for row in rows if intercept or row["term"] != INTERCEPT] or rows
    title = "Fixed effects" if not exponentiate else f"Fixed effects: {quantity.lower()}s"
    if (why := without_estimates(result)) is not None:
        return nothing(name, title, why)
    panel = Panel(
        "Term" if len(rows) <= MOST_LABELLED else f"{len(rows)} terms, in the order of the formula",
        quantity,
        level_of(result),
        tuple(Estimate.of(row, row["term"]) for row in rows),
        is_ratio=exponentiate,
    )
    described = f"{result['formula']}. {panel.quantity} [{panel.level}] of each term. {panel.in_words()}"
    return document(name, title, described, (WIDTH, panel.height), drawn(panel, 0.0))


def _quantity(result: Result) -> str:
    return "Log odds ratio" if (result["family"], result["link"]) == ("binomial", "logit") else "Estimate"


def _ratio(result: Result) -> str:
    name = ratio_name(result["family"], result["link"])
    if name is None:
        raise RequestError(
            f"the coefficients of a {result['family']} model with the link {result['link']} are no logarithms of ratios.",
            where="exponentiate",
            remedy="Ask for the plot without it.",
        )
    if ratios_in(result) is None:
        raise RequestError(
            "the model has no coefficient but the intercept, and its exponential is no ratio.",
            where="exponentiate",
            remedy="Ask for the plot without it.",
        )
    return name
