"""The estimates of a canonical result as text for others: CSV at full precision, LaTeX and HTML rounded as the summary is.

Pure functions: what the analyst's package, the commands and the coordinator's pages offer for download is one and the same.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from coordinator.client import digits
from coordinator.client.estimates import GLANCE, INTERCEPT, TIDY, Result, Row, glance, kind_of, level_of, tidy
from shared.optimisation.outcome import OutcomeKind

_TITLES = {"fixed": "Fixed effects", "ran_pars": "Random effects", "ran_vals": "Effects of the sites"}
_LATEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "|": r"\textbar{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)


@dataclass(frozen=True)
class Section:
    """Rows of one kind: a label and the cells below `heads`, of each row."""

    title: str
    rows: tuple[tuple[str, ...], ...]


def csv_table(result: Result, *, exponentiate: bool = False, conf_level: float | None = None) -> str:
    """The rows of broom.mixed's tidy() as CSV, a line an estimate, every number at full precision; empty is missing."""
    return _csv(TIDY, tidy(result, exponentiate=exponentiate, conf_level=conf_level))


def csv_glance(result: Result) -> str:
    """The row of broom.mixed's glance() as CSV."""
    return _csv(GLANCE, [glance(result)])


def html_table(result: Result, *, exponentiate: bool = False, conf_level: float | None = None) -> str:
    """A `<table class="estimates">` with a caption, scopes for screen readers, and no style of its own."""
    lines = ['<table class="estimates">', f"<caption>{escape(caption(result))}</caption>", "<thead><tr>"]
    head, *others = heads(result, exponentiate=exponentiate, conf_level=conf_level)
    lines += [f'<th scope="col">{escape(name)}</th>' for name in (head, *others)]
    lines.append("</tr></thead>")
    for section in sections(result, exponentiate=exponentiate, conf_level=conf_level):
        title = f'<tr><th scope="rowgroup" colspan="{len(others) + 1}">{section.title}</th></tr>'
        lines += ["<tbody>", title, *map(_html_row, section.rows), "</tbody>"]
    return "\n".join([*lines, "</table>"]) + "\n"


def latex_table(result: Result, *, exponentiate: bool = False, conf_level: float | None = None) -> str:
    r"""A `table` with a `tabular` of the package booktabs, which `\usepackage{booktabs}` loads."""
    titles = heads(result, exponentiate=exponentiate, conf_level=conf_level)
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_latex(caption(result))}}}"]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(titles) - 1)}}}", r"\toprule", _latex_row(titles)]
    for section in sections(result, exponentiate=exponentiate, conf_level=conf_level):
        title = rf"\multicolumn{{{len(titles)}}}{{l}}{{\textit{{{_latex(section.title)}}}}} \\"
        lines += [r"\midrule", title, *map(_latex_row, section.rows)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def caption(result: Result) -> str:
    """The model and its rows in a sentence, after what stands in the way of reading its numbers as estimates."""
    convergence, counts = result["convergence"], result["glance"]
    groups = "".join(f", {count} groups of {name}" for name, count in counts["ngrps"].items())
    sites = len(result["roster"])
    told = (
        f"{result['formula']}, {result['family']} ({result['link']}), {counts['nobs']} observations{groups}, "
        f"{sites} site{'' if sites == 1 else 's'}."
    )
    if OutcomeKind(convergence["outcome"]).has_estimates:
        return told
    return f"No estimates ({convergence['outcome']}). {convergence['advice']} {told}"


def heads(result: Result, *, exponentiate: bool = False, conf_level: float | None = None) -> tuple[str, ...]:
    """What stands above the columns."""
    level = f"{100.0 * (level_of(result) if conf_level is None else conf_level):g}%"
    estimate = "exp(Estimate)" if exponentiate else "Estimate"
    return ("Term", estimate, "Std. Error", "z value", "Pr(>|z|)", f"{level} low", f"{level} high")


def sections(result: Result, *, exponentiate: bool = False, conf_level: float | None = None) -> list[Section]:
    """The rows that there are, by kind, as `heads` names their cells. With `exponentiate` the fixed effects but the intercept."""
    rows = tidy(result, exponentiate=exponentiate, conf_level=conf_level)
    kinds = tuple(_TITLES)
    if exponentiate:
        kinds, rows = ("fixed",), [row for row in rows if row["term"] != INTERCEPT]
    grouped = {kind: [row for row in rows if row["effect"] == kind] for kind in kinds}
    return [Section(_TITLES[kind], tuple(_cells(row, rows) for row in some)) for kind, some in grouped.items() if some]


def label(row: Row, rows: Sequence[Row]) -> str:
    """A row's estimate in words.

    Args:
        row: of `tidy`.
        rows: all of them: whose names a correlation joins stands in the rows of the standard deviations.
    """
    kind, _, term = row["term"].partition("__")
    match kind_of(row):
        case "coefficient":
            return str(row["term"])
        case "effect":
            return f"{row['level']}: {row['term']}"
        case _ if row["group"] == "Residual":
            return "Residual SD" if kind in {"sd", "sigma"} else f"{kind.capitalize()} of the family"
        case "cor":
            own = [one["term"].removeprefix("sd__") for one in rows if one["group"] == row["group"]]
            pairs = (f"{a} and {b}" for a in own for b in own if f"{a}.{b}" == term)
            return f"Correlation of {next(pairs, term)} by {row['group']}"
    return f"SD of {term} by {row['group']}"


def _cells(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    error = row["std.error"]
    ends = (digits.beside(row[name], error) for name in ("conf.low", "conf.high"))
    test = (digits.fixed(row["statistic"], 3), digits.of_p(row["p.value"]))
    return (label(row, rows), digits.beside(row["estimate"], error), digits.of_error(error), *test, *ends)


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue()


def _html_row(cells: Sequence[str]) -> str:
    name, *others = map(escape, cells)
    return f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in others) + "</tr>"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"


def _latex(text: str) -> str:
    """Text that LaTeX prints as it is; a number's minus is a minus."""
    number = text.startswith("-") and text[1:2].isdigit()
    return f"$-${text[1:]}" if number else text.translate(_LATEX)
