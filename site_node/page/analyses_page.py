"""What was asked of the site, and of one analysis the model in words, what a person may decide, and what left."""

from fastapi import APIRouter, Request, Response

from shared.consortium import read_consortium
from shared.dictionary import Variable
from shared.errors import DictionaryError, UnknownAnalysisError
from shared.specification import Specification
from site_node.data.batches import variables_in
from site_node.page.asked import Asked, all_asked
from site_node.page.counter import Counter, Given
from site_node.page.model import model_in_words
from site_node.page.rendering import page
from site_node.page.waiting_page import MOST_DAYS
from site_node.release.chain import Fault

MOST_LISTED = 200
"""Analyses on one page, and entries of one analysis."""

router = APIRouter()


@router.get("/analyses")
def analyses(request: Request, counter: Given) -> Response:
    """Everything that was asked, the latest first."""
    chain, approvals = counter.chain(), counter.approvals()
    found = all_asked((one.entry for one in chain.entries), () if approvals is None else approvals.all())
    return page(request, "analyses.html", fault=chain.fault, found=found[:MOST_LISTED], beyond=len(found) - MOST_LISTED)


@router.get("/analyses/{analysis}")
def analysis(request: Request, counter: Given, analysis: str) -> Response:
    """One analysis."""
    one, fault = _found(counter, analysis)
    specification = None if one.request is None else one.request.specification
    return page(
        request,
        "analysis.html",
        one=one,
        fault=fault,
        latest=one.entries[::-1][:MOST_LISTED],
        model=None if specification is None else model_in_words(specification),
        variables=() if specification is None else _variables(counter, specification),
        specification=None if specification is None else specification.model_dump_json(indent=2),
        asker=_asker(counter),
        most_days=MOST_DAYS,
    )


def _found(counter: Counter, analysis: str) -> tuple[Asked, Fault | None]:
    """An analysis, and where the ledger is not what was written.

    Raises:
        UnknownAnalysisError: nobody asked about it.
        StoreError: the ledger or the file of approvals cannot be read.
    """
    chain, approvals = counter.chain(), counter.approvals()
    entries = (one.entry for one in chain.entries if one.entry.analysis == analysis)
    requests = () if approvals is None else (one for one in approvals.all() if one.analysis == analysis)
    found = all_asked(entries, requests)
    if not found:
        raise UnknownAnalysisError(
            "nobody asked about such an analysis.", where="the site's page", remedy="Choose one of the list."
        )
    return found[0], chain.fault


def _variables(counter: Counter, specification: Specification) -> tuple[Variable, ...]:
    """What a model reads, as the dictionary has it; nothing where it has not, for then the site does not take part."""
    try:
        return variables_in(specification, counter.dictionary())
    except DictionaryError:
        return ()


def _asker(counter: Counter) -> str:
    """Who asks, as far as a site knows.

    Raises:
        ConsortiumError: the consortium file cannot be read.
    """
    settings = counter.settings
    if settings.consortium is not None:
        agreed = read_consortium(settings.consortium)
        return f"the coordinator of the consortium {agreed.name}, by its key {agreed.coordinator.public_key}"
    if settings.key_file is not None:
        return "whoever holds the site's bearer key: the coordinator"
    return "any program of this machine: the site asks for no key"
