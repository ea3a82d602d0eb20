"""The random part of a canonical result as lme4's VarCorr and ranef have it."""

from typing import Any

from coordinator.client.estimates import Result, Row, tidy
from shared.dictionary import SITE
from shared.errors import FedglmmError

Effects = dict[str, dict[str, dict[str, float | None]]]


class NotReleasedError(FedglmmError):
    """The sites' own effects are not in the result."""

    code = "not_released"


def var_corr(result: Result) -> list[Row]:
    """Rows in the columns of R's `as.data.frame(VarCorr(fit))`, in its order.

    Of a variance `var2` is None, `vcov` the variance and `sdcor` the standard deviation; of a pair `vcov` is the covariance and
    `sdcor` the correlation. The residual of a Gaussian model is the last row.
    """
    sds = {(row["group"], row["term"].removeprefix("sd__")): row["estimate"] for row in _kind(result, "sd__")}
    pairs = [(row, *_joined(row, sds)) for row in _kind(result, "cor__")]
    rows = []
    for group in dict.fromkeys(group for group, _ in sds):
        own = [(name, sd) for (of, name), sd in sds.items() if of == group]
        rows += [_row(group, None if group == "Residual" else name, None, sd * sd, sd) for name, sd in own]
        for row, first, second in (pair for pair in pairs if pair[0]["group"] == group):
            correlation = row["estimate"]
            covariance = None if correlation is None else correlation * sds[group, first] * sds[group, second]
            rows.append(_row(group, first, second, covariance, correlation))
    return rows


def ranef(result: Result) -> Effects:
    """The sites' own effects that were released, by grouping factor, site and term.

    Raises:
        NotReleasedError: there are none; it says why, and which setting would release them.
    """
    found: Effects = {}
    for row in tidy(result, "ran_vals"):
        found.setdefault(row["group"], {}).setdefault(row["level"], {})[row["term"]] = row["estimate"]
    if not found:
        raise _not_released(result["specification"])
    return found


def _not_released(specification: Any) -> NotReleasedError:
    groups = [term["group"] for term in specification["random"]]
    if not groups:
        return NotReleasedError("the model has no random effects.", where="ranef", remedy="Add a term as (1 | site).")
    if SITE not in groups:
        return NotReleasedError(
            f"effects of {' and '.join(dict.fromkeys(groups))} stay at the sites: those of groups inside a site never leave it.",
            where="ranef",
            remedy="var_corr() has their variances; a term (1 | site) has effects that sites may release.",
        )
    return NotReleasedError(
        "no site released its own effect.",
        where="ranef",
        remedy="Under masks a site does if its site.toml says `shares_own = true` (docs/operations.md); an analysis that ended "
        "without estimates has none.",
    )


def _kind(result: Result, prefix: str) -> list[Row]:
    return [row for row in tidy(result, "ran_pars") if row["term"].startswith(prefix)]


def _joined(row: Row, sds: dict[tuple[str, str], Any]) -> tuple[str, str]:
    """The two names that a correlation's term joins with a dot; names may have dots themselves."""
    names = [name for group, name in sds if group == row["group"]]
    term = row["term"].removeprefix("cor__")
    return next((a, b) for a in names for b in names if f"{a}.{b}" == term)


def _row(group: str, first: str | None, second: str | None, vcov: float | None, sdcor: float | None) -> Row:
    return {"grp": group, "var1": first, "var2": second, "vcov": vcov, "sdcor": sdcor}
