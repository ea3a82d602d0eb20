"""What only the whole roster can tell before a fit: lme4's checks, made on the sums of what the sites said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from shared.dictionary import SITE
from shared.errors import DataError
from shared.masking.result import Signed
from shared.messages import Accepted, CloseReply, Counts, StartMessage
from shared.optimisation.start import products
from shared.specification import Specification

FEWEST_GROUPS = 2
"""That a standard deviation can be estimated from."""
_WHERE = "the roster"


@dataclass(frozen=True)
class Told:
    """What the sites of an analysis said beside their contributions."""

    accepted: Mapping[str, Accepted]
    """When they were asked to take part."""
    counts: Counts
    """All of them together."""
    replies: Mapping[str, CloseReply]
    """At the end, those that answered: the site's own effect, its signature."""
    signed: Signed | None = None
    """What the sites signed of a masked result."""
    at_default: int = 0
    """Sites that began at the default start."""

    @classmethod
    def of(
        cls,
        specification: Specification,
        accepted: Mapping[str, Accepted],
        start: StartMessage | None,
        replies: Mapping[str, CloseReply],
        signed: Signed | None = None,
    ) -> "Told":
        """With the counts as the sites told them one by one, or as they are in the sum of masked starts."""
        counts = counts_of(specification, accepted) or (start.counts if start else None)
        assert counts is not None, "a masked analysis has a start"  # noqa: S101 -- the caller's contract
        return cls(accepted, counts, replies, signed, start.at_default if start else 0)


def counts_of(specification: Specification, accepted: Mapping[str, Accepted]) -> Counts | None:
    """What all sites have together, if all told one by one."""
    told = [site.counts.entries for site in accepted.values() if site.counts is not None]
    if len(told) < len(accepted):
        return None
    return Counts.in_entries([sum(entries) for entries in zip(*told, strict=True)], specification)


def faults_of(specification: Specification, counts: Counts) -> tuple[DataError, ...]:
    """Why a model cannot be fitted to the rows and groups that all sites have together; none if it can."""
    rows = counts.rows
    if specification.layout.known_sd is not None:  # it asks nothing of the groups
        return tuple(_rows(specification, rows))
    of_groups = (
        fault
        for group in specification.groupings
        for fault in _groups(specification, group, counts.groups[group], rows)
    )
    return (*_rows(specification, rows), *of_groups)


def faults_of_start(specification: Specification, start: StartMessage) -> tuple[DataError, ...]:
    """Why the random effects cannot be estimated, by the sum of the sites' starts; none if they can."""
    layout = specification.layout
    if layout.known_sd is not None:
        return ()
    squares = products(layout, np.array(start.totals)).diagonal()
    groups = [term.group for term in layout.terms for _ in term.columns]
    return tuple(
        DataError(
            f"the random effect `{name}` of `{group}` has no variance to estimate: its column is zero in every row of all "
            "sites.",
            where=_WHERE,
            remedy="Leave it out.",
            code="empty_random_effect",
        )
        for name, group, square in zip(layout.random, groups, squares, strict=True)
        if square == 0.0
    )


def _rows(specification: Specification, rows: int) -> Iterator[DataError]:
    parameters = specification.layout.size
    if parameters > rows:
        yield DataError(
            f"the model has {parameters} parameters, and all sites together have {rows} rows.",
            where=_WHERE,
            remedy="Use fewer terms, or ask more sites.",
            code="too_few_rows_for_model",
        )


def _groups(specification: Specification, group: str, groups: int, rows: int) -> Iterator[DataError]:
    """A residual variance needs rows beyond the effects; a family without one can have as many effects as rows."""
    if groups < FEWEST_GROUPS:
        more = "Ask more sites" if group == SITE else "Group by another variable"
        yield DataError(
            f"`{group}` has a single group over all sites: between groups there is no variance to estimate.",
            where=_WHERE,
            remedy=f"{more}, leave the random term out, or fix its standard deviation with random_effect_sd.",
            code="single_group",
        )
        return
    for term in specification.random:
        effects = groups * (len(term.columns) if term.correlated else 1)
        if term.group == group and (effects > rows or (effects == rows and specification.family == "gaussian")):
            yield DataError(
                f"the term of `{group}` has {effects} random effects, and all sites together have {rows} rows: "
                "the two sources of variance cannot be told apart.",
                where=_WHERE,
                remedy="Use fewer random effects a group, or larger groups.",
                code="too_many_random_effects",
            )
