"""The random effects' standard deviations and correlations, with their intervals."""

from coordinator.plots.estimates import Estimate, Result, level_of, rows_of, without_estimates
from coordinator.plots.intervals import WIDTH, Panel, drawn
from coordinator.plots.svg import document
from coordinator.plots.wordless import nothing

NAME, TITLE = "random_effects", "Random effects"
KINDS = {"sd": "Standard deviation", "cor": "Correlation"}
"""Of the table's terms, by the first part of their names."""
RESIDUAL = "Residual"


def random_effects(result: Result) -> str:
    """The standard deviations of the random part with their intervals, and the correlations below if there are any.

    Args:
        result: the canonical result.

    Returns:
        SVG, with rows as `forest` has them; in words, if the model has none.
    """
    if (why := without_estimates(result)) is not None:
        return nothing(NAME, TITLE, why)
    body, top, told = [], 0.0, []
    for kind, quantity in KINDS.items():
        rows = [row for row in rows_of(result, "ran_pars") if row["term"].startswith(f"{kind}__")]
        if not rows:
            continue
        estimates = tuple(Estimate.of(row, label_of(row), _absent(result, row)) for row in rows)
        panel = Panel("Random effect", quantity, level_of(result), estimates)
        body.append(drawn(panel, top))
        told.append(f"{quantity}: {panel.in_words()}")
        top += panel.height
    if not body:
        return nothing(NAME, TITLE, "The model has no random effects, and no residual standard deviation.")
    return document(NAME, TITLE, " ".join(told), (WIDTH, top), *body)


def label_of(row: Result) -> str:
    """What a parameter of the random part is of: its grouping factor and its column, or the residual."""
    if row["group"] == RESIDUAL:
        return RESIDUAL
    return f"{row['group']}: {row['term'].partition('__')[2]}"


def _absent(result: Result, row: Result) -> str:
    is_known = any(term["sd"] is not None for term in result["specification"]["random"])
    return "known" if is_known and row["group"] != RESIDUAL else "no interval"
