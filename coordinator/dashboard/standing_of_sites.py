"""What the newest analyses tell of each site: when its dictionary was last found to be the coordinator's, and its refusals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coordinator.records import Analysis
from coordinator.states import WITH_RESULT, AnalysisState
from shared.messages import Problem

LOOKED_BACK = 200
"""Analyses."""
SHOWN = 5
"""Refusals of a site."""
OTHER_DICTIONARY = "other_dictionary"
"""The code by which a site says that its dictionary is another one."""


@dataclass(frozen=True)
class Agreement:
    """What was last found of a site's dictionary."""

    agrees: bool
    at: str
    analysis_id: str


@dataclass(frozen=True)
class Refusal:
    """That a site refused an analysis: by which rule, and never a number."""

    rule: str
    """Of the site's policy; empty where its data do not allow it."""
    code: str
    at: str
    analysis_id: str


def agreements(analyses: Sequence[Analysis], is_ours: Callable[[str], bool]) -> Mapping[str, Agreement]:
    """The last finding of each site that there is one of.

    Args:
        analyses: newest first.
        is_ours: whether an analysis, by its id, was made with the coordinator's dictionary of today.
    """
    found: dict[str, Agreement] = {}
    for analysis in analyses:
        others = {_site(problem) for problem in analysis.problems if problem.code == OTHER_DICTIONARY}
        by_rule = [_site(problem) for problem in analysis.problems if problem.rule]  # judged after the dictionary
        agreeing = analysis.roster if analysis.state in WITH_RESULT else by_rule
        new = [site for site in (*others, *agreeing) if site not in found]
        if new and is_ours(analysis.id):
            found |= {site: Agreement(site not in others, analysis.since, analysis.id) for site in new}
    return found


def refusals(analyses: Sequence[Analysis]) -> Mapping[str, tuple[Refusal, ...]]:
    """The last refusals of each site, newest first.

    Args:
        analyses: newest first.
    """
    found: dict[str, tuple[Refusal, ...]] = {}
    for analysis in analyses:
        for problem in analysis.problems if analysis.state is AnalysisState.REFUSED else ():
            earlier = found.get(_site(problem), ())
            if len(earlier) < SHOWN:
                refusal = Refusal(problem.rule, problem.code, analysis.since, analysis.id)
                found[_site(problem)] = (*earlier, refusal)
    return found


def _site(problem: Problem) -> str:
    """Whose problem it is; a site's name holds no colon."""
    return problem.where.partition(":")[0]
