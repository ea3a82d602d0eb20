"""Which analyses in memory somebody wants to see."""

from coordinator.records import Analysis
from coordinator.wanted import Wanted

_DAY = len("2026-01-31")


def fits(analysis: Analysis, wanted: Wanted) -> bool:
    """Whether an analysis is wanted."""
    day = analysis.created_at[:_DAY]
    return (
        wanted.state in {None, analysis.state}
        and wanted.who in {None, analysis.owner}
        and (wanted.formula or "").lower() in analysis.request.formula.lower()
        and (wanted.since is None or day >= wanted.since.isoformat())
        and (wanted.until is None or day <= wanted.until.isoformat())
    )
