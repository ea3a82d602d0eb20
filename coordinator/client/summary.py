"""A result in the shape of lme4's summary(). Rounding is for people's eyes and happens only here."""

import math
from typing import Any

WIDEST_CORRELATIONS = 12
"""Fixed effects up to which their correlations are printed, as lme4 has it."""


def summary(result: dict[str, Any]) -> str:
    """The whole summary, without a trailing newline."""
    parts = [_header(result)]
    if result["tidy"]:
        parts += [_fit_line(result), _random_effects(result), _fixed_effects(result)]
        if 1 < len(result["vcov"]["names"]) <= WIDEST_CORRELATIONS and result["vcov"]["matrix"][0][0] is not None:
            parts.append(_correlations(result))
    parts.append(_ending(result))
    return "\n\n".join(part for part in parts if part)


def _header(result: dict[str, Any]) -> str:
    kind = "Linear" if result["family"] == "gaussian" else "Generalized linear"
    mixed = "mixed model" if result["glance"]["ngrps"] else "model"
    how = " (Laplace Approximation)" if result["glance"]["ngrps"] and kind != "Linear" else ""
    lines = [
        f"{kind} {mixed} fit by maximum likelihood{how}, federated over {_count(len(result['roster']), 'site')}",
        f" Family: {result['family']}  ( {result['link']} )",
        f"Formula: {result['formula']}",
    ]
    return "\n".join(lines)


def _fit_line(result: dict[str, Any]) -> str:
    glance = result["glance"]
    cells = {"AIC": "AIC", "BIC": "BIC", "logLik": "logLik", "deviance": "deviance"}
    values = {name: _fixed(glance[key], 1) for name, key in cells.items()} | {"df.resid": str(glance["df.residual"])}
    widths = [max(len(name), len(value)) + 1 for name, value in values.items()]
    header = "".join(name.rjust(width) for name, width in zip(values, widths, strict=True))
    return header + "\n" + "".join(value.rjust(width) for value, width in zip(values.values(), widths, strict=True))


def _random_effects(result: dict[str, Any]) -> str:
    rows = [row for row in result["tidy"] if row["effect"] == "ran_pars"]
    if not rows:
        return f"Number of obs: {result['glance']['nobs']}"
    correlations = [row for row in rows if row["term"].startswith("cor__")]
    table = [["Groups", "Name", "Variance", "Std.Dev.", "Std.Err.", *(["Corr"] if correlations else [])]]
    last = ""
    for row in (row for row in rows if row["term"].startswith("sd__")):
        name = row["term"].removeprefix("sd__")
        corr = [_fixed(one["estimate"], 2) for one in correlations if one["term"].endswith(f".{name}")]
        group = "" if row["group"] == last else row["group"]
        shown = "" if row["group"] == "Residual" else name
        table.append([group, shown, _digits(row["estimate"] ** 2), _digits(row["estimate"]), _digits(row["std.error"])])
        table[-1] += [" ".join(corr)] if correlations else []
        last = row["group"]
    groups = ", ".join(f"{group}, {count}" for group, count in result["glance"]["ngrps"].items())
    tail = f"Number of obs: {result['glance']['nobs']}" + (f", groups:  {groups}" if groups else "")
    return "Random effects:\n" + _aligned(table, left=2) + "\n" + tail


def _fixed_effects(result: dict[str, Any]) -> str:
    table = [["", "Estimate", "Std. Error", "z value", "Pr(>|z|)", ""]]
    for row in (row for row in result["tidy"] if row["effect"] == "fixed"):
        p = row["p.value"]
        z = _fixed(row["statistic"], 3)
        table.append([row["term"], _fixed(row["estimate"], 5), _fixed(row["std.error"], 5), z, _p(p), _stars(p)])
    legend = "---\nSignif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1"
    return "Fixed effects:\n" + _aligned(table, left=1) + "\n" + legend


def _correlations(result: dict[str, Any]) -> str:
    names, matrix = result["vcov"]["names"], result["vcov"]["matrix"]
    root = [math.sqrt(matrix[k][k]) for k in range(len(names))]
    short = [name[:9] for name in names]
    table = [["", *short[:-1]]]
    for k in range(1, len(names)):
        values = [_fixed(matrix[k][j] / (root[k] * root[j]), 3) for j in range(k)]
        table.append([short[k], *values, *([""] * (len(names) - 1 - k))])
    return "Correlation of Fixed Effects:\n" + _aligned(table, left=1)


def _ending(result: dict[str, Any]) -> str:
    convergence = result["convergence"]
    decrement = convergence["decrement"]
    reached = f", Newton decrement {decrement:.1e}" if decrement is not None else ""
    lines = [
        f"{convergence['outcome']} after {_count(convergence['rounds'], 'round')}{reached}. {convergence['advice']}"
    ]
    ended = convergence["outcome"]
    lines += [f"Warning: {one['message']}" for one in result["warnings"] if one["code"] != ended]
    return "\n".join(lines)


def _aligned(table: list[list[str]], left: int) -> str:
    """Columns of equal width: the first so many to the left, the others to the right."""
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [c.ljust(w) if k < left else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append(" ".join(cells).rstrip())
    return "\n".join(lines)


def _fixed(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< 2e-16" if value < 2e-16 else f"{value:.3g}"  # noqa: PLR2004 -- R's own limit


def _stars(p: float | None) -> str:
    levels = [(0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, ".")]
    return "" if p is None else next((mark for level, mark in levels if p < level), "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
