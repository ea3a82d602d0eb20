"""What only the whole roster can tell before a fit: lme4's checks, made on the sums of what the sites said."""

from collections.abc import Iterator, Mapping

import numpy as np

from shared.dictionary import SITE
from shared.errors import DataError
from shared.messages import Accepted, StartMessage
from shared.optimisation.start import products
from shared.specification import RandomTerm, Specification

FEWEST_GROUPS = 2
"""That a standard deviation can be estimated from."""
_WHERE = "the roster"


def faults_of(specification: Specification, accepted: Mapping[str, Accepted]) -> tuple[DataError, ...]:
    """Why a model cannot be fitted to the rows and groups that all sites have together; none if it can."""
    rows = sum(site.rows for site in accepted.values())
    groups = sum(site.groups for site in accepted.values())
    random = specification.random
    # a known standard deviation asks nothing of the groups
    of_groups = () if random is None or random.sd is not None else _groups(random, specification.family, groups, rows)
    return (*_rows(specification, rows), *of_groups)


def faults_of_start(specification: Specification, start: StartMessage) -> tuple[DataError, ...]:
    """Why the random effects cannot be estimated, by the sum of the sites' starts; none if they can."""
    random = specification.random
    if random is None or random.sd is not None:
        return ()
    squares = products(specification.layout, np.array(start.totals)).diagonal()
    return tuple(
        DataError(
            f"the random effect `{column.name}` of `{random.group}` has no variance to estimate: its column is zero in "
            "every row of all sites.",
            where=_WHERE,
            remedy="Leave it out.",
            code="empty_random_effect",
        )
        for column, square in zip(random.columns, squares, strict=True)
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


def _groups(random: RandomTerm, family: str, groups: int, rows: int) -> Iterator[DataError]:
    """A residual variance needs rows beyond the effects; a family without one can have as many effects as rows."""
    if groups < FEWEST_GROUPS:
        more = "Ask more sites" if random.group == SITE else "Group by another variable"
        yield DataError(
            f"`{random.group}` has a single group over all sites: between groups there is no variance to estimate.",
            where=_WHERE,
            remedy=f"{more}, leave the random term out, or fix its standard deviation with random_effect_sd.",
            code="single_group",
        )
        return
    effects = groups * (len(random.columns) if random.correlated else 1)
    if effects > rows or (effects == rows and family == "gaussian"):
        yield DataError(
            f"the term of `{random.group}` has {effects} random effects, and all sites together have {rows} rows: "
            "the two sources of variance cannot be told apart.",
            where=_WHERE,
            remedy="Use fewer random effects a group, or larger groups.",
            code="too_many_random_effects",
        )
