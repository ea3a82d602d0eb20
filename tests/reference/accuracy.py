"""Every reference number beside ours: docs/accuracy.md is what this prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

from benchmarks.measured import table
from tests.reference.compare import Comparison, all_comparisons

WIDTH = 130
"""Characters of a line."""
TITLE = "# Accuracy: our numbers beside those of glmmTMB, lme4 and glm"
INTRODUCTION = (
    "Every case of [tests/reference](../tests/reference/README.md), by every method that its file has. The groups are dealt "
    "over five sites, and the estimation runs as coordinator and sites run it; the engine that is named had the rows in one "
    "place. `difference` is absolute for a log-likelihood, in standard errors for an estimate, relative for a standard "
    "error, and relative to the largest for conditional modes and their standard deviations; where a fit has several such "
    "numbers, the one that differs most is shown. It must be at most what stands beside it: 1e-7 for Laplace and linear "
    "models, 1e-6 for quadrature (standard errors 1e-4, the reference's own accuracy). `theirs` is glmmTMB's optimum after "
    "the Newton step that its own gradient and covariance leave to be taken, since some of its fits stopped early; standard "
    "errors and modes belong to where it stopped, and may differ by as much as it stopped short (up to 7e-6 for "
    "`betablocker_22_trials_ri`). Its standard error of log phi is a difference of gradients, and glm's standard errors are "
    "of the weights before its last iteration: 1e-6 for both. `make accuracy` writes the page, and a test holds it current."
)
COLUMNS = ("case", "method", "engine", "quantity", "ours", "theirs", "difference", "at most", "holds")


@dataclass(frozen=True)
class Row:
    """What the page says of one number."""

    ours: str
    theirs: str
    verdict: str


def document(found: Sequence[Comparison]) -> str:
    """The page, in Markdown."""
    lines = [
        (
            one.case,
            one.method,
            one.engine,
            one.quantity.replace("|", "\\|"),
            f"{one.ours:.11g}",
            f"{one.theirs:.11g}",
            f"{one.difference:.0e}",
            f"{one.within:.0e}",
            "yes" if one.holds else "NO",
        )
        for one in found
    ]
    summary = f"{len(lines)} comparisons, {sum(one.holds for one in found)} of them hold."
    return "\n".join([TITLE, "", fill(INTRODUCTION, WIDTH, break_on_hyphens=False), "", table(COLUMNS, lines), summary])


def rows_of(page: str) -> dict[tuple[str, str, str], Row]:
    """The page's rows by case, method and quantity; which of several is farthest may be another on another machine."""
    found = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").replace("\\|", "/").split("|")]
        if len(cells) == len(COLUMNS) and cells[0] not in {"case", "-"}:
            case, method, _, quantity, ours, theirs, *_, verdict = cells
            name, _, one = quantity.partition(", farthest")
            found[case, method, name] = Row("0", "0", verdict) if one else Row(ours, theirs, verdict)
    return found


if __name__ == "__main__":
    print(document(tuple(all_comparisons())))  # noqa: T201 -- this is the page
