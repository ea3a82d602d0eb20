"""A finished estimation: the canonical result, and the names by which statsmodels, lme4 and broom users look for its parts.

Everything is read from the result and nothing is estimated anew. Values are plain mappings, lists and numbers; None is missing
(docs/decisions/0024-plain-values-from-a-fit.md).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from coordinator.client import estimates, random_part, saved, tables
from coordinator.client.estimates import Row
from coordinator.client.notebook import page
from coordinator.client.plots import Plots
from coordinator.client.summary import summary
from shared.optimisation.outcome import OutcomeKind

ByTerm: TypeAlias = dict[str, float | None]


@dataclass(frozen=True, repr=False)
class Fit:
    """The canonical result of an analysis, with accessors."""

    result: dict[str, Any]
    """Everything, as docs/protocol.md describes it."""

    @classmethod
    def load(cls, path: str | Path) -> "Fit":
        """A fit that was saved, or exported as JSON.

        Raises:
            ResultFileError: the file cannot be read, or holds no result; the place in it is named.
        """
        return cls(saved.read(Path(path)))

    def save(self, path: str | Path) -> None:
        """Write the canonical result as JSON; a file that is there is replaced.

        Raises:
            ResultFileError: it cannot be written.
        """
        saved.write(Path(path), self.result)

    @property
    def formula(self) -> str:
        """The model, as it was asked for."""
        return str(self.result["formula"])

    @property
    def outcome(self) -> str:
        """An OutcomeKind: converged, boundary, separated, not_identified, perfect_fit, not_finite or round_limit."""
        return str(self.result["convergence"]["outcome"])

    @property
    def has_estimates(self) -> bool:
        """Whether the maximum was reached, so that estimates and errors mean what they should."""
        return OutcomeKind(self.outcome).has_estimates

    @property
    def warnings(self) -> list[str]:
        """What a reader should know first, in words."""
        return [one["message"] for one in self.result["warnings"]]

    @property
    def params(self) -> ByTerm:
        """The fixed effects."""
        return self._fixed("estimate")

    @property
    def bse(self) -> ByTerm:
        """Their standard errors."""
        return self._fixed("std.error")

    @property
    def tvalues(self) -> ByTerm:
        """Their Wald statistics; as in statsmodels this is the name also of what is held against the normal."""
        return self._fixed("statistic")

    @property
    def pvalues(self) -> ByTerm:
        """Their two-sided p values."""
        return self._fixed("p.value")

    def conf_int(self, level: float | None = None) -> dict[str, tuple[float | None, float | None]]:
        """The Wald intervals (low, high) of the fixed effects.

        Args:
            level: such as 0.9 (statsmodels' alpha is 1 - level); the one that was asked for with the analysis unless given.

        Raises:
            RequestError: the level is none.
        """
        return {row["term"]: (row["conf.low"], row["conf.high"]) for row in self.tidy("fixed", conf_level=level)}

    def cov_params(self) -> dict[str, ByTerm]:
        """The covariance of the fixed effects, by name and name."""
        names, matrix = self.result["vcov"]["names"], self.result["vcov"]["matrix"]
        return {name: dict(zip(names, row, strict=True)) for name, row in zip(names, matrix, strict=True)}

    @property
    def llf(self) -> float | None:
        """The log-likelihood; the restricted one after REML."""
        return self._glance("logLik")

    @property
    def aic(self) -> float | None:
        """Akaike's criterion."""
        return self._glance("AIC")

    @property
    def bic(self) -> float | None:
        """Schwarz's criterion, by the number of rows."""
        return self._glance("BIC")

    @property
    def nobs(self) -> int:
        """Rows of all sites, without those that were left out for missing values."""
        return int(self.result["glance"]["nobs"])

    def var_corr(self) -> list[Row]:
        """Variances and correlations in the columns of R's `as.data.frame(VarCorr(fit))`: grp, var1, var2, vcov, sdcor."""
        return random_part.var_corr(self.result)

    def ranef(self) -> dict[str, dict[str, ByTerm]]:
        """The sites' own effects, by grouping factor, site and term.

        Raises:
            NotReleasedError: the model has none, or no site released its own; it says which setting does.
        """
        return random_part.ranef(self.result)

    def tidy(
        self, effect: str | None = None, *, exponentiate: bool = False, conf_level: float | None = None
    ) -> list[Row]:
        """A row an estimate, in broom.mixed's columns.

        Args:
            effect: "fixed", "ran_pars" (sds, correlations, dispersion) or "ran_vals" (sites' own); all unless given.
            exponentiate: fixed effects and their intervals as ratios.
            conf_level: of the intervals; the one that was asked for with the analysis unless given.

        Raises:
            RequestError: there is no such effect, or the level is none.
        """
        return estimates.tidy(self.result, effect, exponentiate=exponentiate, conf_level=conf_level)

    def glance(self) -> Row:
        """One row about the whole fit: nobs, npar, sigma, logLik, AIC, BIC, deviance, df.residual."""
        return estimates.glance(self.result)

    @property
    def plot(self) -> Plots:
        """Forest, caterpillar, convergence and correlation plots; they need matplotlib, the extra `plots`."""
        return Plots(self.result)

    def summary(self) -> str:
        """Text in the shape of lme4's, warnings first."""
        return summary(self.result)

    def to_csv(self, path: str | Path | None = None) -> str:
        """The rows of `tidy()` as CSV at full precision; written to a file as well, if one is named."""
        return self._text(tables.csv_table(self.result), path)

    def to_latex(self, path: str | Path | None = None) -> str:
        """The estimates as a LaTeX table of the package booktabs; written to a file as well, if one is named."""
        return self._text(tables.latex_table(self.result), path)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        """Short, for a prompt and a debugger; `print` shows the summary."""
        return f"<Fit of {self.formula}: {self.outcome}>"

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        return page(self.result)

    def _fixed(self, column: str) -> ByTerm:
        return {row["term"]: row[column] for row in self.tidy("fixed")}

    def _glance(self, name: str) -> float | None:
        value: float | None = self.result["glance"][name]
        return value

    @staticmethod
    def _text(text: str, path: str | Path | None) -> str:
        if path is not None:
            saved.write_text(Path(path), text)
        return text
