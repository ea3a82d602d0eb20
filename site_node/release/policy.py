"""The models that a site takes, and the floors below which nothing leaves it (G5): pure functions.

A refusal tells the other side a code, the rule and a remedy, and no number and no variable: those are for the site's
own log and for `fedglmm-site check`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from shared.dictionary import Dictionary
from shared.errors import RefusedError
from shared.model_rules import faults_of_model
from shared.specification import Specification
from site_node.data.counts import Counts, LevelCounts

PolicyName: TypeAlias = Literal["default", "open"]

RULE = "G5"
MIN_ROWS = 20
MIN_UNITS = 3
MIN_GROUPS = 3
MAX_PARAMETERS_PER_ROW = 0.33

_MERGE = "Merge its rare levels in the dictionary, leave it out of the model, or leave this site out of the roster."


@dataclass(frozen=True)
class Breach:
    """A floor that a design does not reach, or what a model must not have. `variable` is for the site's own eyes only."""

    code: str
    message: str
    remedy: str
    variable: str = ""
    where: str = "the site's policy"


def model_breaches(specification: Specification, dictionary: Dictionary, policy: PolicyName) -> tuple[Breach, ...]:
    """All that a model must not have; they follow from the specification, before any row is read."""
    faults = () if policy == "open" else faults_of_model(specification, dictionary)
    return tuple(Breach(fault.code, fault.message, fault.remedy, where=fault.where) for fault in faults)


def breaches(counts: Counts, policy: PolicyName) -> tuple[Breach, ...]:
    """All the floors that a design does not reach. The open policy, for public data, has none."""
    return () if policy == "open" else (*_size(counts), *_outcomes(counts), *_levels(counts))


def cells_clear(counts: Counts) -> bool:
    """Whether every level, every cell that the model crosses and every outcome has no unit or enough of them (G1, G5)."""
    crossed = any(_rare(units) for cells in counts.cells for units in cells)
    return not (crossed or any(True for _ in (*_outcomes(counts), *_levels(counts))))


def judge(counts: Counts, policy: PolicyName) -> None:
    """Lets a design pass.

    Raises:
        RefusedError: it does not reach a floor.
    """
    refuse(breaches(counts, policy))


def refuse(found: Sequence[Breach]) -> None:
    """Lets pass where nothing was found.

    Raises:
        RefusedError: something was; it tells of the first.
    """
    for breach in found:
        raise RefusedError(breach.message, rule=RULE, where=breach.where, remedy=breach.remedy, code=breach.code)


def _size(counts: Counts) -> Iterator[Breach]:
    if counts.rows < MIN_ROWS:
        yield Breach(
            "too_few_rows",
            "the site has too few rows for this model.",
            "Leave this site out of the roster, or use fewer variables that it has not filled in.",
        )
    elif counts.units is not None and counts.units < MIN_ROWS:
        yield Breach(
            "too_few_units",
            "the site has too few privacy units for this model.",
            "Leave this site out of the roster, or use fewer variables that it has not filled in.",
        )
    if counts.parameters > MAX_PARAMETERS_PER_ROW * counts.rows:
        yield Breach(
            "too_many_columns",
            "the model has too many parameters for the site's rows.",
            "Use fewer terms, fewer levels or fewer random effects, or leave this site out of the roster.",
        )
    if any(groups < MIN_GROUPS for groups in counts.groups):
        yield Breach(
            "too_few_groups",
            "a grouping factor has too few groups at the site.",
            "Write (1 | site) when the group is the site itself; else use another grouping factor, or leave this site "
            "out of the roster.",
        )


def _outcomes(counts: Counts) -> Iterator[Breach]:
    if any(units < MIN_UNITS for units in counts.outcomes):
        yield Breach(
            "rare_outcome",
            "one of the outcomes is too rare at the site.",
            "Choose a commoner outcome, or leave this site out of the roster.",
        )


def _levels(counts: Counts) -> Iterator[Breach]:
    for levels in counts.levels:
        if any(_rare(units) for units in levels.units):
            yield Breach("rare_level", "a level or a value of a variable is too rare at the site.", _MERGE, levels.name)
        elif _has_rare_cell(levels):
            yield Breach(
                "rare_cell",
                "an outcome is too rare within a level or a value of a variable at the site.",
                _MERGE,
                levels.name,
            )


def _has_rare_cell(levels: LevelCounts) -> bool:
    return any(_rare(count) for cell in levels.outcomes for count in cell)


def _rare(count: int) -> bool:
    return 0 < count < MIN_UNITS
