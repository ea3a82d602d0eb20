"""What a site's answer means: the reply that was asked for, or an error that names the site."""

from dataclasses import dataclass
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from shared.codes import NOT_FOUND, SIGNATURE_WRONG, UNSIGNED
from shared.errors import (
    ApprovalError,
    DataError,
    FedglmmError,
    RefusedError,
    SiteError,
    UnknownAnalysisError,
)
from shared.messages import Problem

UNREACHABLE = "site_unreachable"
"""The code of a SiteError that may pass: nobody answered, or not to the first question. Every other fault of a site stays."""
UNAVAILABLE = frozenset({502, 503, 504})

Reply = TypeVar("Reply", bound=BaseModel)


@dataclass(frozen=True)
class Answering:
    """A site whose answers are read."""

    site: str
    url: str

    def fault(self, message: str, remedy: str = "", *, code: str = "site_answer") -> SiteError:
        """The error of something that is wrong with the site."""
        return SiteError(message, where=self.site, remedy=remedy, code=code)

    def parsed(self, response: httpx.Response, reply: type[Reply]) -> Reply:
        """The reply in an answer.

        Raises:
            SiteError: it is no such reply, says that the coordinator is not let in, or that nobody is there (`UNREACHABLE`).
            RefusedError: the site's policy says no.
            ApprovalError: a person there has not decided yet.
            DataError: its data do not fit.
            UnknownAnalysisError: it does not know the analysis (any more).
        """
        if not response.is_success:
            raise self._refusal(response)
        try:
            return reply.model_validate_json(response.content)
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
            where = f"field {place} is missing or wrong" if place else "it is no JSON"
            raise self.fault(f"its answer is no {reply.__name__}: {where}.", "Do both run the same version?") from None

    def _refusal(self, response: httpx.Response) -> FedglmmError:
        """What an answer that is none means."""
        status = response.status_code
        if response.is_redirect:
            return self.fault("it redirects to another address.", "Set its url to where it really is.")
        if status in UNAVAILABLE:
            return self.fault(f"it is not available (HTTP {status}).", "See the site's log.", code=UNREACHABLE)
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            problem = None
        if status == httpx.codes.UNAUTHORIZED:
            return self._not_let_in("" if problem is None else problem.code)
        if problem is None:
            return self.fault(f"it answered HTTP {status} without saying why.", "See the site's log.")
        if problem.code == NOT_FOUND:
            return self.fault(
                f"what answers at {self.url} is no site.",
                "Set its url to the site's own address, and leave off any path.",
            )
        return self._told(status, problem)

    def _not_let_in(self, code: str) -> SiteError:
        if code == UNSIGNED:
            return self.fault("it answers signed questions only.", "Set `consortium` and `identity_file`.")
        if code == SIGNATURE_WRONG:
            remedy = "Compare the hash of the consortium file on both sides."
            return self.fault("it does not accept this coordinator's signature.", remedy)
        return self.fault("it does not accept this coordinator's key.", "Compare the key files of both sides.")

    def _told(self, status: int, problem: Problem) -> FedglmmError:
        """The site's own words, as our error."""
        message = f"{problem.where}: {problem.message}" if problem.where else problem.message
        told = {"where": self.site, "remedy": problem.remedy, "code": problem.code}
        if status == httpx.codes.FORBIDDEN:
            return RefusedError(message, rule=problem.rule, **told)
        if status == httpx.codes.CONFLICT and problem.code == ApprovalError.code:
            return ApprovalError(message, **told)
        if status in {httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY}:
            return DataError(message, **told)
        if status == httpx.codes.NOT_FOUND and problem.code == UnknownAnalysisError.code:
            return UnknownAnalysisError(message, **told)
        return SiteError(message, **told)
