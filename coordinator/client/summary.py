"""A result in the shape of lme4's summary()."""

from typing import Any

from coordinator.client.digits import beside, fixed, of_error, of_p, significant, stars
from coordinator.client.estimates import correlation
from shared.optimisation.outcome import OutcomeKind

WIDEST_CORRELATIONS = 12
"""Fixed effects up to which their correlations are printed, as lme4 has it."""


def summary(result: dict[str, Any]) -> str:
    """The whole summary, warnings first, without a trailing newline. An ending without estimates shows none."""
    parts = [*_warnings(result), _header(result)]
    if OutcomeKind(result["convergence"]["outcome"]).has_estimates:
        parts += [_fit_line(result), _random_effects(result), *_dispersion(result), _fixed_effects(result)]
        if 1 < len(result["vcov"]["names"]) <= WIDEST_CORRELATIONS:
            parts.append(_correlations(result))
    parts.append(_ending(result))
    return "\n\n".join(parts)


def _header(result: dict[str, Any]) -> str:
    kind = "Linear" if result["family"] == "gaussian" else "Generalized linear"
    mixed = "mixed model" if result["glance"]["ngrps"] else "model"
    how = _approximation(result) if result["glance"]["ngrps"] and kind != "Linear" else ""
    likelihood = "REML" if result["specification"]["reml"] else "maximum likelihood"
    lines = [
        f"{kind} {mixed} fit by {likelihood}{how}, federated over {_count(len(result['roster']), 'site')}",
        f" Family: {result['family']}  ( {result['link']} )",
        f"Formula: {result['formula']}",
    ]
    response = result["specification"]["response"]
    if response["kind"] == "event":
        lines.append(f"  Event: {response['variable']} is {response['event']}")
    if result["specification"]["weights"]:
        lines.append(f"Weights: {result['specification']['weights']}")
    return "\n".join(lines)


def _approximation(result: dict[str, Any]) -> str:
    points = result["convergence"]["quadrature"]["points"]
    if points == 1:
        return " (Laplace Approximation)"
    return f" (Adaptive Gauss-Hermite Quadrature, {points} points)"


def _fit_line(result: dict[str, Any]) -> str:
    glance = result["glance"]
    cells = {"AIC": "AIC", "BIC": "BIC", "logLik": "logLik", "deviance": "deviance"}
    if result["specification"]["reml"]:  # as lmer prints it
        cells = {"AIC": "AIC", "BIC": "BIC", "REML logLik": "logLik", "REML deviance": "deviance"}
    values = {name: fixed(glance[key], 1) for name, key in cells.items()} | {"df.resid": str(glance["df.residual"])}
    widths = [max(len(name), len(value)) + 1 for name, value in values.items()]
    header = "".join(name.rjust(width) for name, width in zip(values, widths, strict=True))
    return header + "\n" + "".join(value.rjust(width) for value, width in zip(values.values(), widths, strict=True))


def _random_effects(result: dict[str, Any]) -> str:
    rows = [row for row in result["tidy"] if row["effect"] == "ran_pars" and row["term"].startswith(("sd__", "cor__"))]
    if not rows:
        return f"Number of obs: {result['glance']['nobs']}"
    correlations = [row for row in rows if row["term"].startswith("cor__")]
    table = [["Groups", "Name", "Variance", "Std.Dev.", "SE of sd", *(["Corr"] if correlations else [])]]
    last = ""
    for row in (row for row in rows if row["term"].startswith("sd__")):
        name = row["term"].removeprefix("sd__")
        own = [one for one in correlations if one["group"] == row["group"]]
        corr = [fixed(one["estimate"], 2) for one in own if one["term"].endswith(f".{name}")]
        group = "" if row["group"] == last else row["group"]
        shown = "" if row["group"] == "Residual" else name
        error = "(known)" if _is_known(result, row) else significant(row["std.error"])
        table.append([group, shown, significant(row["estimate"] ** 2), significant(row["estimate"]), error])
        table[-1] += [" ".join(corr)] if correlations else []
        last = row["group"]
    groups = ", ".join(f"{group}, {count}" for group, count in result["glance"]["ngrps"].items())
    tail = f"Number of obs: {result['glance']['nobs']}" + (f", groups:  {groups}" if groups else "")
    return "Random effects:\n" + _aligned(table, left=2) + "\n" + tail


def _dispersion(result: dict[str, Any]) -> list[str]:
    """Phi, where it is no standard deviation that stands among the random effects."""
    phi = result["glance"]["dispersion"]
    if phi is None or phi["name"] == "sigma":
        return []
    errors = [row["std.error"] for row in result["tidy"] if row["term"].startswith(f"{phi['name']}__")]
    error = f" (SE {significant(errors[0])})" if errors and errors[0] is not None else ""
    return [f"{phi['name'].capitalize()} of the {result['family']} family: {significant(phi['value'])}{error}"]


def _fixed_effects(result: dict[str, Any]) -> str:
    table = [["", "Estimate", "Std. Error", "z value", "Pr(>|z|)", ""]]
    for row in (row for row in result["tidy"] if row["effect"] == "fixed"):
        p = row["p.value"]
        estimate, error = beside(row["estimate"], row["std.error"]), of_error(row["std.error"])
        table.append([row["term"], estimate, error, fixed(row["statistic"], 3), of_p(p), stars(p)])
    legend = "---\nSignif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1"
    return "Fixed effects:\n" + _aligned(table, left=1, last_left=True) + "\n" + legend


def _correlations(result: dict[str, Any]) -> str:
    """Numbered, because abbreviated names of factor levels look alike."""
    names = result["vcov"]["names"]
    table = [["", *(f"[{k + 1}]" for k in range(len(names) - 1))]]
    for k in range(1, len(names)):
        values = [fixed(correlation(result, k, j), 3) for j in range(k)]
        table.append([f"[{k + 1}] {names[k]}", *values, *([""] * (len(names) - 1 - k))])
    return f"Correlation of Fixed Effects ([1] is {names[0]}):\n" + _aligned(table, left=1)


def _warnings(result: dict[str, Any]) -> list[str]:
    """What to know before reading on."""
    lines = [f"Warning: {one['message']}" for one in result["warnings"]]
    return ["\n".join(lines)] if lines else []


def _ending(result: dict[str, Any]) -> str:
    """How it ended; what to make of it, unless it stands among the warnings."""
    convergence = result["convergence"]
    ended, decrement = convergence["outcome"], convergence["decrement"]
    reached = f", Newton decrement {decrement:.1e}" if decrement is not None else ""
    advice = "" if any(one["code"] == ended for one in result["warnings"]) else f" {convergence['advice']}"
    return f"{ended} after {_rounds(convergence['rounds'])}{reached}.{_began(result)}{advice}"


def _began(result: dict[str, Any]) -> str:
    """Why there may be more rounds than usual, where a result has it and it is more than a few sites."""
    at_default = result["convergence"].get("default_starts")
    if at_default is None:
        return ""
    sites = _count(len(result["roster"]), "site")
    return f" {at_default} of {sites} began at the default start, from which a fit may take more rounds."


def _aligned(table: list[list[str]], left: int, *, last_left: bool = False) -> str:
    """Columns of equal width: the first so many (and the last, if asked) to the left, the others to the right."""
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    to_the_left = [k < left or (last_left and k == len(widths) - 1) for k in range(len(widths))]
    lines = []
    for row in table:
        cells = zip(row, widths, to_the_left, strict=True)
        lines.append(" ".join(c.ljust(w) if is_left else c.rjust(w) for c, w, is_left in cells).rstrip())
    return "\n".join(lines)


def _is_known(result: dict[str, Any], row: dict[str, Any]) -> bool:
    return any(term["sd"] is not None for term in result["specification"]["random"]) and row["group"] != "Residual"


def _rounds(number: int) -> str:
    """The first is the start, which the live table and the trace number 0."""
    more = f" and {number - 1} more" if number > 1 else ""
    return f"{_count(number, 'round')} (the start{more})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
