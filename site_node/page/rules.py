"""The policy in force, in words, with its numbers: pure functions of the settings."""

from collections.abc import Iterator
from dataclasses import dataclass

from site_node.release.budget import Budget
from site_node.release.cohorts import MIN_UNITS as FEWEST_APART
from site_node.release.leverage import FEWEST_CARRYING, LEAST_CARRYING, MOST
from site_node.release.policy import MAX_PARAMETERS_PER_ROW, MIN_GROUPS, MIN_ROWS, MIN_UNITS
from site_node.release.withheld import MOST_WITHHELD
from site_node.settings import SiteSettings


@dataclass(frozen=True)
class Rule:
    """One rule."""

    name: str
    """As a refusal has it."""
    title: str
    text: str


def rules(settings: SiteSettings) -> tuple[Rule, ...]:
    """All rules that a site keeps."""
    judged = () if settings.policy == "open" else _judged(settings)
    return (*_decided(settings), *_masked(settings), *judged)


def _decided(settings: SiteSettings) -> Iterator[Rule]:
    if settings.approval == "person":
        yield Rule(
            "approval",
            "A person approves",
            "Before any row is read, somebody here approves each analysis: its model and its sites, for a number of days.",
        )


def _masked(settings: SiteSettings) -> Iterator[Rule]:
    if settings.consortium is None:
        return
    own = (
        "Results may show this site's counts and its own effect."
        if settings.shares_own or settings.policy == "open"
        else "Results show neither this site's counts nor its own effect."
    )
    yield Rule(
        "masking",
        "Answers are masked",
        f"What leaves is noise of which only the sum over all sites of an analysis makes sense. {own}",
    )
    yield Rule(
        "G2",
        "The agreed step alone chooses where is asked",
        "The site takes each step itself from the proved sums, and answers only where it leads to, to the last bit.",
    )


def _judged(settings: SiteSettings) -> Iterator[Rule]:
    budget = Budget(settings.specifications_per_window, settings.window_days)
    yield Rule(
        "G1",
        "No answer is mostly one unit's",
        f"No unit may be more than {_share(MOST)} of what an answer says in any direction, by the site's own information; or, "
        f"where answers are masked, by that of all sites, if at least {_share(LEAST_CARRYING)} of the units here, and "
        f"{FEWEST_CARRYING}, carry the answer. At up to {MOST_WITHHELD} trial points of an analysis at which one would be "
        "the site says nothing, and the fit goes another way; otherwise it refuses.",
    )
    yield Rule(
        "G3",
        "So much may be asked",
        f"{budget.specifications} different models of the same data in {budget.days} days, of all analysts together. A round is "
        "answered at one place only, and none after the end.",
    )
    yield Rule(
        "G4",
        "No analyses differ by a few units",
        f"However the rows of all analyses so far are combined, they single out no unit, or at least {FEWEST_APART}. A site "
        f"whose rows only those of the other sites hide joins the same sites for {budget.days} days.",
    )
    yield Rule(
        "G5",
        "Floors of counts, and agreed constants",
        f"At least {MIN_ROWS} rows, and as many units, {MIN_GROUPS} groups of each grouping factor, "
        f"and no more than {MAX_PARAMETERS_PER_ROW:g} parameters a row. No level, no value of a number with few, and no outcome, "
        f"also within a level, of fewer than {MIN_UNITS} units, except none. Constants of a model are the dictionary's.",
    )


def _share(share: float) -> str:
    return {1 / 3: "a third", 1 / 5: "a fifth"}.get(share, f"{share:.0%}")
