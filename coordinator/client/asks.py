"""What an analyst asks of a coordinator, as values: one description for a blocking connection and an awaited one."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypedDict, TypeVar

from pydantic import BaseModel, ValidationError

from coordinator.client.faults import LISTED, fault_of, no_coordinator
from coordinator.client.marking import MarkedFormulaError
from coordinator.wanted import NEWEST, Wanted
from shared.errors import FormulaError, RequestError, UnknownAnalysisError
from shared.request import AnalysisRequest
from shared.validation import in_words
from shared.wire import ANALYSIS_ID

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)
Json: TypeAlias = dict[str, Any]


class Options(TypedDict, total=False):
    """The fields of an AnalysisRequest beside the formula (docs/protocol.md, The analyst's interface)."""

    family: str
    link: str | None
    weights: str | None
    random_effect_sd: float | None
    quadrature_points: int | str
    reml: bool
    sites: tuple[str, ...] | list[str] | None
    tolerance: float
    max_rounds: int
    confidence_level: float
    title: str


class Filters(TypedDict, total=False):
    """What listed analyses must be like; None does not matter (docs/protocol.md, The analyst's interface)."""

    state: str | None
    who: str | None
    formula: str | None
    since: date | str | None
    until: date | str | None


def body_as_json(response: "httpx.Response") -> Any:
    """What an answer holds; nothing if it is empty."""
    return response.json() if response.content else {}


def body_as_page(response: "httpx.Response") -> str:
    """An answer that is a page of HTML; ValueError if it is none."""
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        raise ValueError
    return response.content.decode()


@dataclass(frozen=True)
class Ask(Generic[T]):
    """One request, and how its answer is read."""

    method: str
    path: str
    read: Callable[[Any], T]
    json: Json | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: Callable[["httpx.Response"], Any] = body_as_json
    """Of the answer, what `read` reads."""

    def answered(self, response: "httpx.Response", url: str) -> T:
        """What the answer says.

        Args:
            response: the answer, read.
            url: the coordinator's, for people.

        Raises:
            FedglmmError: it is a Problem, or none of a coordinator's answers.
        """
        if not response.is_success:
            fault = fault_of(response, url)
            raise (
                MarkedFormulaError(fault, self.json["formula"])
                if isinstance(fault, FormulaError) and self.json
                else fault
            )
        try:
            return self.read(self.body(response))
        except (ValueError, KeyError, TypeError):
            raise no_coordinator(response, url) from None


def submit(request: AnalysisRequest) -> Ask[str]:
    """Submit an analysis; the answer is its id."""
    body = request.model_dump(mode="json", exclude_none=True)
    return Ask("POST", "/analyses", lambda answer: str(answer["id"]), json=body)


def analyses(wanted: Wanted) -> Ask[list[Json]]:
    """The newest of the analyses that are wanted, at most `NEWEST`."""
    params = {"limit": NEWEST} | wanted.model_dump(mode="json", exclude_none=True)
    return Ask("GET", "/analyses", lambda answer: list(answer["analyses"]), params=params)


def analysis(analysis_id: str) -> Ask[Json]:
    """An analysis as it stands."""
    return Ask("GET", _place(analysis_id), dict)


def rounds(analysis_id: str) -> Ask[list[Json]]:
    """Its rounds so far."""
    return Ask("GET", _place(analysis_id, "/rounds"), lambda answer: list(answer["rounds"]))


def result(analysis_id: str) -> Ask[Json]:
    """Its canonical result."""
    return Ask("GET", _place(analysis_id, "/result"), dict)


def report(analysis_id: str) -> Ask[str]:
    """Its result as a page to print."""
    return Ask("GET", _place(analysis_id, "/report"), str, body=body_as_page)


def sites() -> Ask[list[Json]]:
    """The consortium's sites, as they answer right now."""
    return Ask("GET", "/sites", lambda answer: list(answer["sites"]))


def dictionary() -> Ask[list[Json]]:
    """The consortium's variables."""
    return Ask("GET", "/dictionary", lambda answer: list(answer["variables"]))


def delete(analysis_id: str) -> Ask[None]:
    """Delete an ended analysis."""
    return Ask("DELETE", _place(analysis_id), lambda _: None, params={"only": "delete"})


def cancel(analysis_id: str) -> Ask[Json]:
    """Cancel an analysis that is under way; the answer is how it stands then."""

    def read(answer: Json) -> Json:
        """Refuses an ending that is another one."""
        if answer["state"] != "cancelled":  # its ending came first
            raise RequestError(
                f"it has ended already: it is {answer['state']}.",
                where=analysis_id,
                remedy="Nothing was changed.",
                code="ended",
            )
        return answer

    return Ask("DELETE", _place(analysis_id), read, params={"only": "cancel"})


def _place(analysis_id: str, part: str = "") -> str:
    """A path, which an id that is none would lead elsewhere.

    Raises:
        UnknownAnalysisError: it is none.
    """
    if not re.fullmatch(ANALYSIS_ID, analysis_id):
        raise UnknownAnalysisError("this is no id of an analysis.", where=analysis_id or "id", remedy=LISTED)
    return f"/analyses/{analysis_id}{part}"


def request_of(**fields: Any) -> AnalysisRequest:
    """An AnalysisRequest.

    Raises:
        RequestError: a field is none of it, or has a value that cannot be; named.
    """
    return _made(AnalysisRequest, fields)


def wanted_of(**filters: Any) -> Wanted:
    """Which analyses are wanted.

    Raises:
        RequestError: a filter is none, or has a value that cannot be; named.
    """
    return _made(Wanted, filters)


def _made(model: type[Model], fields: Mapping[str, Any]) -> Model:
    try:
        return model(**fields)
    except ValidationError as error:
        where, message, remedy = in_words(error, model)
        raise RequestError(message, where=where, remedy=remedy) from None
