"""What is wrong with a page's address, as its reader sees it: by the filters' names on the page, and where to go on."""

from collections.abc import Mapping
from http import HTTPStatus

from coordinator.dashboard.wording import LABELS, name
from coordinator.states import AnalysisState
from shared import codes
from shared.errors import RequestError, UnknownAnalysisError
from shared.messages import Problem

LONGEST_PATH = 100
"""Characters of a path that are shown."""
_LOOK = "Look for it among all analyses; it may have been deleted."
_DAY = "this is no day.", "Choose one, or write it as 2026-01-31."
_FILTERS: Mapping[str, tuple[str, str]] = {
    "state": ("there is no such state.", f"The states are: {', '.join(map(name, AnalysisState))}."),
    "formula": ("this cannot be a part of a formula.", "Write at most 300 characters, on one line."),
    "who": ("nobody can be called this.", "Write at most 300 characters, on one line."),
    "since": _DAY,
    "until": _DAY,
}
_IDS = frozenset({"analysis_id", "before", "again"})
_UNKNOWN = "this page can do nothing with it.", "Leave it out of the address."
_NO_PAGE = "there is no page at this address.", "Is it complete? The list of all analyses leads to every page."
_NO_FILE = "The page of the result has all files that there are."
_NO_FORM = "nothing can be sent to this address.", "Go back to the page with the form."
_FORMS_ONLY = "there is nothing to look at: forms are sent to this address.", "Go back to the page with the form."


def for_readers(method: str, path: str, status: int, problem: Problem) -> Problem:
    """A Problem in the words of a page, where it is one of the address; else as it is.

    Args:
        method: of the request.
        path: of the address.
        status: of the answer.
        problem: in the words of the interface for programs.
    """
    place, _, field = problem.where.partition(".")
    if problem.code == RequestError.code and place in {"query", "path"}:
        return _field_in_words(field, problem)
    if problem.code == UnknownAnalysisError.code:
        return _told(problem, problem.where, problem.message, _LOOK)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return _told(problem, path[:LONGEST_PATH], *(_FORMS_ONLY if method in {"GET", "HEAD"} else _NO_FORM))
    if problem.code != codes.NOT_FOUND:
        return problem
    if problem.message == f"{HTTPStatus.NOT_FOUND.phrase}.":  # of no route
        return _told(problem, path[:LONGEST_PATH], *_NO_PAGE)
    return _told(problem, problem.where, problem.message, _NO_FILE)


def _field_in_words(field: str, problem: Problem) -> Problem:
    if field in _FILTERS:
        label = LABELS[field]
        return _told(problem, label[:1].upper() + label[1:], *_FILTERS[field])
    if field in _IDS:
        return _told(problem, "", "there is no such analysis.", _LOOK)
    return _told(problem, f"{field} (in the address)", *_UNKNOWN)


def _told(problem: Problem, where: str, message: str, remedy: str) -> Problem:
    return Problem(
        **problem.model_dump() | {"where": where, "message": message, "remedy": remedy}
    )  # cleans a path, too
