"""How much may be asked of the same data, and with whom (G3, G4): pure functions of what was asked before."""

from collections.abc import Collection
from dataclasses import dataclass

from shared.errors import RefusedError


@dataclass(frozen=True)
class Budget:
    """How many specifications that were never asked before a site takes of the same data in a window of time.

    A site does not learn who the analyst is: all of them share it.
    """

    specifications: int = 50
    days: int = 30

    @property
    def seconds(self) -> float:
        """The window."""
        return self.days * 86400.0


def check_budget(asked: int, budget: Budget) -> None:
    """Lets one more specification pass.

    Args:
        asked: so many began in this window.
        budget: the limit.

    Raises:
        RefusedError: it is spent.
    """
    if asked >= budget.specifications:
        raise RefusedError(
            "as many different models as the site takes of the same data in this time were asked already.",
            rule="G3",
            where="the site's policy",
            remedy="Ask again for a model that was asked before, or wait until the window has passed.",
            code="budget_spent",
        )


def check_roster(roster: Collection[str], joined: Collection[Collection[str]]) -> None:
    """A site whose own sums do not hide its rows joins one roster per data and window: two rosters' sums differ by sites.

    Args:
        roster: the sites of an analysis in which the site does not pass the rule of leverage by its own rows.
        joined: the rosters of those like it in this window.

    Raises:
        RefusedError: it joined another one.
    """
    if any(set(one) != set(roster) for one in joined):
        raise RefusedError(
            "the site takes part with the same sites only, and joined others before.",
            rule="G4",
            where="the site's policy",
            remedy="Ask the sites of that roster, wait until the window has passed, or leave this site out.",
            code="other_roster",
        )
