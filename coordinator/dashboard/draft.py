"""A request as it is being written in a form: texts, until they are a request; and the place of a fault in its formula."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from shared.errors import FedglmmError, FormulaError, RequestError
from shared.formula.syntax import position_in
from shared.page.forms import Form
from shared.request import AnalysisRequest
from shared.validation import in_words

TEXTS = (
    *("formula", "family", "link", "weights", "random_effect_sd", "quadrature_points"),
    *("tolerance", "max_rounds", "confidence_level", "title"),
)
"""Fields that hold one text each."""
_TOKEN = re.compile(r"[A-Za-z0-9._]+|.", re.DOTALL)


@dataclass(frozen=True)
class Draft:
    """What stands in the form."""

    texts: Mapping[str, str]
    """Of each of TEXTS; empty where it is left as it is."""
    sites: tuple[str, ...]
    """Those that are ticked."""
    reml: bool

    @classmethod
    def of_request(cls, request: AnalysisRequest, sites: Sequence[str]) -> "Draft":
        """The form of a request that was made before, to repeat it with a change."""
        said = request.model_dump(mode="json", include=set(TEXTS))
        texts = {name: "" if said[name] is None else str(said[name]) for name in TEXTS}
        return cls(texts, tuple(sites if request.sites is None else request.sites), request.reml)

    @classmethod
    def empty(cls, sites: Sequence[str]) -> "Draft":
        """The form of a new request."""
        return cls.of_request(AnalysisRequest(formula=""), sites)

    @classmethod
    def sent(cls, form: Form) -> "Draft":
        """The form as it was sent."""
        return cls({name: form.one(name) for name in TEXTS}, form.all("sites"), form.one("reml") == "true")

    def request(self, sites: Sequence[str]) -> AnalysisRequest:
        """The request; with all sites ticked it names none, and so means all.

        Args:
            sites: all that there are.

        Raises:
            RequestError: a field has a value that cannot be; named.
        """
        said: dict[str, Any] = {name: text for name, text in self.texts.items() if text} | {"reml": self.reml}
        if set(self.sites) != set(sites):
            said["sites"] = self.sites
        if not self.texts["formula"]:
            raise RequestError("there is no formula yet.", where="formula", remedy="Write one, or choose variables.")
        try:
            return AnalysisRequest.model_validate(said)
        except ValidationError as error:
            told = in_words(error, AnalysisRequest)
            raise RequestError(told.message, where=told.where, remedy=told.remedy) from None


@dataclass(frozen=True)
class Marked:
    """A formula around the place of a fault."""

    before: str
    at: str
    after: str


def marked(formula: str, error: FedglmmError) -> Marked | None:
    """The place that an error names in a formula; none if it names none."""
    begin = position_in(error.where) if isinstance(error, FormulaError) else None
    if begin is None:
        return None
    token = _TOKEN.match(formula, begin)
    end = begin if token is None else token.end()
    return Marked(formula[:begin], formula[begin:end] or " ", formula[end:])


def written(response: str, terms: Sequence[str], group: str) -> str:
    """The formula of a choice of variables.

    Args:
        response: the variable that is explained.
        terms: variables that explain it, in their order; the response is none of them.
        group: whose intercepts are random; empty for none.
    """
    right = [term for term in terms if term not in {response, group}]
    random = [f"(1 | {group})"] if group else []
    return f"{response} ~ {' + '.join([*(right or ['1']), *random])}"
