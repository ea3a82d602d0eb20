"""Several results side by side: information criteria, estimates, and likelihood-ratio tests where one model is in another."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from coordinator.client.estimates import Result, Row, tidy
from shared.optimisation.outcome import OutcomeKind

_SAME = ("family", "link", "response", "offset", "weights", "reml", "quadrature_points", "dictionary_sha256")
"""Of a specification: with another one a log-likelihood is another function, or of other data."""


def compare(results: Mapping[str, Result]) -> dict[str, list[Row]]:
    """What there is to compare, by the results' names, the smaller models first.

    Returns:
        `models`: a row a result with npar, logLik, AIC, BIC and deviance. `tests`: a row for each two neighbours, with
        chi.square, df and p.value, or `why` there is no test. `estimates`: a row a term, whose `analyses` has an
        estimate and a standard error by name.
    """
    ordered = dict(sorted(results.items(), key=lambda item: int(item[1]["glance"]["npar"])))
    return {
        "models": [_model(name, result) for name, result in ordered.items()],
        "tests": [_test(smaller, larger) for smaller, larger in pairwise(ordered.items())],
        "estimates": _estimates(ordered),
    }


def chi_square_tail(x: float, df: int) -> float:
    """The probability that a chi-square variable of so many degrees of freedom exceeds x >= 0.

    By the recurrence Q(a + 1, y) = Q(a, y) + y^a exp(-y) / Gamma(a + 1), from Q(1/2, y) = erfc(sqrt(y)) or Q(0, y) = 0, with
    a = df/2 and y = x/2 (DLMF 8.8.6).
    """
    y = x / 2.0
    if y == 0.0:
        return 1.0
    a, tail = (0.5, math.erfc(math.sqrt(y))) if df % 2 else (0.0, 0.0)
    while a < df / 2.0:
        tail += math.exp(a * math.log(y) - y - math.lgamma(a + 1.0))
        a += 1.0
    return min(tail, 1.0)


def _model(name: str, result: Result) -> Row:
    glance = {key: result["glance"][key] for key in ("nobs", "npar", "logLik", "AIC", "BIC", "deviance")}
    return {"analysis": name, "formula": result["formula"], "outcome": result["convergence"]["outcome"], **glance}


def _test(smaller: tuple[str, Result], larger: tuple[str, Result]) -> Row:
    (name, small), (other, large) = smaller, larger
    row: Row = {"smaller": name, "larger": other, "chi.square": None, "df": None, "p.value": None, "why": ""}
    if why := _why_not(small, large):
        return row | {"why": why}
    df = large["glance"]["npar"] - small["glance"]["npar"]
    chi_square = max(0.0, 2.0 * (large["glance"]["logLik"] - small["glance"]["logLik"]))
    return row | {
        "chi.square": chi_square,
        "df": df,
        "p.value": chi_square_tail(chi_square, df),
        "why": _note(small, large),
    }


def _why_not(small: Result, large: Result) -> str:
    """Why there is no test; empty if there is one."""
    return next(_reasons(small, large), "")


def _reasons(small: Result, large: Result) -> Iterator[str]:
    if not all(OutcomeKind(one["convergence"]["outcome"]).has_estimates for one in (small, large)):
        yield "not both have estimates"
    if _data(small) != _data(large):
        yield "not of the same data: sites, their fingerprints or their rows differ"
    ours, theirs = small["specification"], large["specification"]
    if differing := [name for name in _SAME if ours[name] != theirs[name]]:
        yield f"they differ in {', '.join(differing)}"
    fixed, more_fixed = (set(_names(one["fixed"])) for one in (ours, theirs))
    if ours["reml"] and fixed != more_fixed:
        yield "restricted likelihoods with different fixed effects do not compare"
    if not (fixed <= more_fixed and all(_within(term, theirs["random"]) for term in ours["random"])):
        yield "the smaller model is not within the larger one"
    if small["glance"]["npar"] == large["glance"]["npar"]:
        yield "they have the same number of parameters"


def _note(small: Result, large: Result) -> str:
    """What to mind of a test."""
    if small["specification"]["random"] == large["specification"]["random"]:
        return ""
    return "a variance of zero is at its boundary: the p value is too large"


def _data(result: Result) -> Any:
    rows = [(one["site"], one["fingerprint"], one["rows"]) for one in result["roster"]]
    return sorted(rows, key=lambda row: str(row[0])), result["glance"]["nobs"]


def _names(columns: Sequence[Row]) -> list[str]:
    return [str(column["name"]) for column in columns]


def _within(term: Row, terms: Sequence[Row]) -> bool:
    """Whether a random term is one of the others with, perhaps, effects and correlations left out."""
    return any(
        term["group"] == other["group"]
        and set(_names(term["columns"])) <= set(_names(other["columns"]))
        and (other["correlated"] or not term["correlated"] or len(term["columns"]) == 1)
        and term["sd"] == other["sd"]
        for other in terms
    )


def _estimates(results: Mapping[str, Result]) -> list[Row]:
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for name, result in results.items():
        for row in (*tidy(result, "fixed"), *tidy(result, "ran_pars")):
            own = {"estimate": row["estimate"], "std.error": row["std.error"]}
            found.setdefault((row["group"] or "", row["term"]), {})[name] = own
    return [{"group": group or None, "term": term, "analyses": by_name} for (group, term), by_name in found.items()]
