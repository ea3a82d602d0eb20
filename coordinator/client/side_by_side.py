"""A comparison as tables for a terminal."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group
from rich.table import Table

from coordinator.client.digits import beside, fixed, of_error, of_p
from coordinator.client.estimates import Row
from coordinator.client.terminal import cell


def side_by_side(compared: Mapping[str, Sequence[Row]]) -> Group:
    """The models, the tests and the estimates of `comparison.compare`."""
    return Group(_models(compared["models"]), _tests(compared["tests"]), _estimates(compared))


def _models(models: Sequence[Row]) -> Table:
    table = _table("analysis", "npar", "logLik", "AIC", "BIC", "outcome", "formula")
    for row in models:
        numbers = (fixed(row[name], 3) for name in ("logLik", "AIC", "BIC"))
        table.add_row(cell(row["analysis"]), str(row["npar"]), *numbers, cell(row["outcome"]), cell(row["formula"]))
    return table


def _tests(tests: Sequence[Row]) -> Table:
    table = _table("likelihood-ratio test", "Chisq", "Df", "Pr(>Chisq)", "")
    for row in tests:
        df = "" if row["df"] is None else str(row["df"])
        numbers = (fixed(row["chi.square"], 3), df, of_p(row["p.value"]))
        table.add_row(cell(f"{row['smaller']} in {row['larger']}"), *numbers, cell(row["why"]))
    return table


def _estimates(compared: Mapping[str, Sequence[Row]]) -> Table:
    names = [row["analysis"] for row in compared["models"]]
    table = _table("estimate (standard error)", *map(cell, names))
    for row in compared["estimates"]:
        group = f"{row['group']}: " if row["group"] else ""
        table.add_row(cell(group + row["term"]), *(_cell(row["analyses"].get(name)) for name in names))
    return table


def _cell(own: Row | None) -> str:
    if own is None:
        return ""
    error = of_error(own["std.error"])
    return beside(own["estimate"], own["std.error"]) + (f" ({error})" if error else "")


def _table(*heads: str) -> Table:
    table = Table(*heads, box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.overflow = "fold"
    return table
