"""The use case: a request becomes a stored analysis, once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coordinator.records import Analysis
from coordinator.store import Store
from shared.consortium import Consortium
from shared.dictionary import Dictionary
from shared.errors import RequestError
from shared.request import AnalysisRequest
from shared.specification import Specification

KEY_REUSED = "idempotency_key_reused"
"""The code of a RequestError: the key stands for another request already."""

Resolve = Callable[[AnalysisRequest, Dictionary, Sequence[str]], Specification]


@dataclass(frozen=True)
class Desk:
    """Where requests are handed in."""

    store: Store
    dictionary: Dictionary
    sites: tuple[str, ...]
    resolve: Resolve
    consortium: Consortium | None = None
    """With one, sites answer under masks."""

    def submit(
        self, request: AnalysisRequest, idempotency_key: str | None, owner: str | None = None
    ) -> tuple[Analysis, bool]:
        """The analysis of this request, and whether it is new. An Idempotency-Key is its owner's: another's request is another.

        Raises:
            RequestError: the request cannot be carried out, or its key stands for another request.
            DictionaryError: it names what the dictionary lacks.
            ConsortiumError: the consortium did not agree to this roster.
        """
        specification = self.specification(request)
        new = Analysis.submitted(request, specification, idempotency_key, owner)
        kept = self.store.add(new, specification)
        if (kept.request_sha256, kept.owner) != (new.request_sha256, owner):
            raise RequestError(
                "this Idempotency-Key was used for another request.",
                where="Idempotency-Key",
                remedy=f"Use a new key, or look at analysis {kept.id}.",
                code=KEY_REUSED,
            )
        return kept, kept.id == new.id

    def specification(self, request: AnalysisRequest) -> Specification:
        """What would be fitted.

        Raises:
            RequestError, DictionaryError, ConsortiumError: as `submit`.
        """
        specification = self.resolve(request, self.dictionary, self.sites)
        if self.consortium is None:
            return specification
        self.consortium.check_roster(specification.roster)
        return specification.model_copy(update={"masked": True})
