"""What an exponentiated coefficient is called."""

from collections.abc import Mapping

from coordinator.client.estimates import INTERCEPT, Result

_NAMES: Mapping[tuple[str, str], str] = {
    ("binomial", "logit"): "Odds ratio",
    ("binomial", "log"): "Risk ratio",
    (
        "binomial",
        "cloglog",
    ): "Ratio of \u2212log(1 \u2212 p)",  # a hazard ratio only where the response is a survival time
    ("poisson", "log"): "Rate ratio",
    ("negative_binomial", "log"): "Rate ratio",
    ("gamma", "log"): "Ratio of means",
    ("inverse_gaussian", "log"): "Ratio of means",
}


def ratio_name(family: str, link: str) -> str | None:
    """Of a family and its link; none where exp(coefficient) is no ratio: probit, identity, inverse."""
    return _NAMES.get((family, link))


def ratios_in(result: Result) -> str | None:
    """What a result's ratios are called; none also where there is no coefficient but the intercept."""
    if all(row["term"] == INTERCEPT for row in result["tidy"] if row["effect"] == "fixed"):
        return None
    return ratio_name(result["family"], result["link"])
