"""What the analyst's interface answers: JSON models, made from the stored values."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from coordinator import examples
from coordinator.records import Analysis, TraceEntry
from coordinator.states import WITH_RESULT, AnalysisState
from shared.messages import About, Problem


class View(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Links(View):
    """Where else to look."""

    self: str
    rounds: str
    events: str
    result: str | None = Field(default=None, description="once there is one")


class AnalysisView(View):
    """An analysis as it stands."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ANALYSIS]})

    id: str
    state: AnalysisState
    since: str = Field(description="when it entered this state")
    created_at: str
    owner: str | None = Field(default=None, description="who submitted it; none where the coordinator asks for no key")
    title: str
    formula: str
    family: str
    roster: tuple[str, ...]
    round: int = Field(description="rounds that are done")
    max_rounds: int
    decrement: float | None
    log_likelihood: float | None
    waiting_for: tuple[str, ...] = Field(
        description="the sites that are missing while it is paused, or where a person has not approved it yet"
    )
    problem: Problem | None = Field(default=None, description="why it was refused or failed; names every culprit")
    problems: tuple[Problem, ...] = Field(description="the same, one of each culprit")
    links: Links

    @classmethod
    def of(cls, analysis: Analysis) -> "AnalysisView":
        """The view of a stored analysis."""
        place, last = f"/v1/analyses/{analysis.id}", analysis.last
        return cls(
            id=analysis.id,
            state=analysis.state,
            since=analysis.since,
            created_at=analysis.created_at,
            owner=analysis.owner,
            title=analysis.request.title,
            formula=analysis.request.formula,
            family=analysis.request.family,
            roster=analysis.roster,
            round=last.round if last else 0,
            max_rounds=analysis.request.max_rounds,
            decrement=last.decrement if last else None,
            log_likelihood=last.log_likelihood if last else None,
            waiting_for=analysis.waiting_for,
            problem=joined(analysis.problems),
            problems=analysis.problems,
            links=Links(
                self=place,
                rounds=f"{place}/rounds",
                events=f"{place}/events",
                result=f"{place}/result" if analysis.state in WITH_RESULT else None,
            ),
        )


class AnalysesView(View):
    """A page of analyses, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ANALYSES]})

    analyses: tuple[AnalysisView, ...]
    before: str | None = Field(description="ask with ?before= this for the next page; none on the last")


class RoundView(View):
    """One round of the trace."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ROUND]})

    round: int
    log_likelihood: float = Field(description="at the parameters that this round tried")
    decrement: float | None
    accepted: bool = Field(description="whether the step took them")
    seconds: float

    @classmethod
    def of(cls, entry: TraceEntry) -> "RoundView":
        """The view of a round."""
        return cls.model_validate(entry, from_attributes=True)


class TraceView(View):
    """All rounds so far."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.TRACE]})

    rounds: tuple[RoundView, ...]


class SiteView(View):
    """A site, as it answers right now."""

    name: str
    reachable: bool
    version: str | None = None
    fingerprint: str | None = None
    policy: str | None = None
    last_seen: str | None
    problem: Problem | None = None

    @classmethod
    def of(cls, name: str, answer: About | Problem, last_seen: str | None) -> "SiteView":
        """The view of a site that answered, or of one that did not."""
        if isinstance(answer, Problem):
            return cls(name=name, reachable=False, last_seen=last_seen, problem=answer)
        return cls(
            name=name,
            reachable=True,
            version=answer.version,
            fingerprint=answer.fingerprint,
            policy=answer.policy,
            last_seen=last_seen,
        )


class SitesView(View):
    """All sites of the consortium."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SITES]})

    sites: tuple[SiteView, ...]


def joined(problems: Sequence[Problem]) -> Problem | None:
    """Several problems as one that names every culprit."""
    if len(problems) < 2:  # noqa: PLR2004 -- nothing to join
        return next(iter(problems), None)
    first = problems[0]
    return first.model_copy(
        update={
            "where": ", ".join(problem.where for problem in problems),
            "message": " ".join(f"{problem.where}: {problem.message}" for problem in problems),
            "remedy": " ".join(dict.fromkeys(problem.remedy for problem in problems if problem.remedy)),
        }
    )
