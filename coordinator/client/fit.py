"""A finished estimation: the canonical result, and the names by which statsmodels and lme4 users look for its parts."""

from dataclasses import dataclass, field
from typing import Any

from coordinator.client.summary import summary
from shared.optimisation.outcome import OutcomeKind


@dataclass(frozen=True)
class Fit:
    """The canonical result of an analysis, with accessors."""

    result: dict[str, Any] = field(repr=False)
    """Everything, as docs/protocol.md describes it."""

    @property
    def outcome(self) -> str:
        """An OutcomeKind: converged, boundary, separated, not_identified, perfect_fit, not_finite or round_limit."""
        return str(self.result["convergence"]["outcome"])

    @property
    def has_estimates(self) -> bool:
        """Whether the maximum was reached, so that estimates and errors mean what they should."""
        return OutcomeKind(self.outcome).has_estimates

    @property
    def params(self) -> dict[str, float]:
        """The fixed effects."""
        return {row["term"]: row["estimate"] for row in self.tidy("fixed")}

    @property
    def bse(self) -> dict[str, float | None]:
        """Their standard errors."""
        return {row["term"]: row["std.error"] for row in self.tidy("fixed")}

    @property
    def llf(self) -> float | None:
        """The log-likelihood."""
        value: float | None = self.result["glance"]["logLik"]
        return value

    def tidy(self, effect: str | None = None) -> list[dict[str, Any]]:
        """Rows in the columns of broom: all, or those of one effect (fixed, ran_pars, ran_vals)."""
        return [row for row in self.result["tidy"] if effect in {None, row["effect"]}]

    def summary(self) -> str:
        """Text in the shape of lme4's."""
        return summary(self.result)

    def __str__(self) -> str:
        return self.summary()
