"""The model and the way it was fitted, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from coordinator.client.estimates import INTERCEPT
from coordinator.plots.estimates import Result

FAMILIES: Mapping[str, str] = {
    "binomial": "binomial",
    "poisson": "Poisson",
    "negative_binomial": "negative binomial",
    "gaussian": "Gaussian",
    "gamma": "gamma",
    "inverse_gaussian": "inverse Gaussian",
}
MASKED = (
    "The sites answered under masks: the coordinator saw sums over all sites, and each site took the steps itself and "
    "signed where they ended."
)
OPEN = "The sites answered openly: the coordinator saw each site's contribution, and no row."


def in_words(result: Result) -> list[str]:
    """What was fitted to what, and how, one sentence each."""
    settled = result["specification"]
    kind = "linear" if result["family"] == "gaussian" else "generalized linear"
    mixed = "mixed model" if settled["random"] else "model"
    sentences = [
        f"A {kind} {mixed} of {_response(settled)}: {FAMILIES[result['family']]} family, {result['link']} link.",
        *(_term(term) for term in settled["random"]),
        *_columns(settled),
        _fit(result),
        _size(result),
    ]
    return [*sentences, MASKED if settled["masked"] else OPEN]


def count(number: int, noun: str) -> str:
    """1 site, 23 sites, 1,934 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def rounds(number: int) -> str:
    """As the summary has it: the first is the start, which the trace leaves out."""
    return f"{count(number, 'round')} (the start{f' and {number - 1} more' if number > 1 else ''})"


def _response(settled: Mapping[str, Any]) -> str:
    response = settled["response"]
    if response["kind"] == "event":
        return f"the event that {response['variable']} is {response['event']}"
    return str(settled["formula"]).partition("~")[0].strip()


def _term(term: Mapping[str, Any]) -> str:
    names = [_varying(column["name"]) for column in term["columns"]]
    together = "" if len(names) == 1 else ", correlated" if term["correlated"] else ", uncorrelated"
    known = "" if term["sd"] is None else f", with a known standard deviation of {term['sd']:g}"
    what = " and ".join(names)
    return f"{what[0].upper()}{what[1:]} {'varies' if len(names) == 1 else 'vary'} by {term['group']}{together}{known}."


def _varying(name: str) -> str:
    return "the intercept" if name == INTERCEPT else f"the effect of {name}"


def _columns(settled: Mapping[str, Any]) -> Iterator[str]:
    if settled["weights"]:
        yield f"Rows are weighted by {settled['weights']}."
    if settled["offset"]:
        yield "The linear predictor has an offset, as the formula says."


def _fit(result: Result) -> str:
    settled = result["specification"]
    criterion = "restricted maximum likelihood (REML)" if settled["reml"] else "maximum likelihood"
    if not settled["random"]:
        return f"Estimated by {criterion}."
    if result["family"] == "gaussian":
        return f"Estimated by {criterion}; the random effects are integrated out exactly."
    points = result["convergence"]["quadrature"]["points"]
    how = "the Laplace approximation"
    if points != 1:
        how = f"adaptive Gauss-Hermite quadrature with {count(points, 'point')}"
    return f"Estimated by {criterion}; the random effects are integrated out by {how}."


def _size(result: Result) -> str:
    glance = result["glance"]
    groups = [f"{number:,} groups of {name}" for name, number in glance["ngrps"].items() if name != "site"]
    sites = count(len(result["roster"]), "site")
    return f"{count(glance['nobs'], 'row')} at {sites}{''.join(f', {one}' for one in groups)}."
