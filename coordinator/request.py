"""What an analyst asked for, settled against the dictionary and the roster: AnalysisRequest to Specification."""

import re
from collections.abc import Sequence

from pydantic import ValidationError

from coordinator.sizes import check_sizes
from shared.dictionary import Dictionary
from shared.errors import RequestError
from shared.families import LINKS, LinkName
from shared.formula.coding import CODED_CALLS
from shared.formula.columns import design_columns
from shared.formula.expressions import Column, Expression, Factor, variables_of
from shared.formula.grammar import parse
from shared.formula.meaning import expression, numeric
from shared.formula.syntax import Node, deparse, wrong
from shared.formula.terms import Terms, expand
from shared.model_rules import faults_of_model
from shared.random_terms import check_names, random_terms
from shared.request import AnalysisRequest, QuadraturePoints, SiteName
from shared.said import response_of
from shared.specification import (
    CountsResponse,
    EventResponse,
    NumericResponse,
    RandomTerm,
    Response,
    Specification,
    sha256_of,
)
from shared.validation import in_words

_BLANKS = re.compile(r"""("[^"]*"|'[^']*'|`[^`]*`)|\s+""")
"""A quoted text or name, or blanks between words."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def resolve(request: AnalysisRequest, dictionary: Dictionary, sites: Sequence[SiteName]) -> Specification:
    """The specification that a request means.

    Raises:
        RequestError: the request cannot be carried out as it stands; FormulaError, when it is the formula's fault.
    """
    try:
        specification = _resolved(request, dictionary, sites)
    except ValidationError as error:
        told = in_words(error, Specification)
        remedy = "Use fewer or shorter terms; what takes long to compute can be a variable of the dictionary."
        raise RequestError(told.message, where=told.where, remedy=remedy) from None
    check_sizes(specification)
    return specification


def resolve_by_policy(request: AnalysisRequest, dictionary: Dictionary, sites: Sequence[SiteName]) -> Specification:
    """The specification that a request means, if the sites' default policy takes its model.

    Raises:
        RequestError: the request cannot be carried out, or the policy does not take it: then with the rule's own code.
    """
    specification = resolve(request, dictionary, sites)
    for fault in faults_of_model(specification, dictionary):
        raise RequestError(fault.message, where=fault.where, remedy=fault.remedy, code=fault.code)
    return specification


def _resolved(request: AnalysisRequest, dictionary: Dictionary, sites: Sequence[SiteName]) -> Specification:
    formula = parse(request.formula)
    terms = expand(formula.right)
    fixed = design_columns(terms, dictionary)
    if not fixed:
        raise RequestError("there is no fixed effect.", where="formula", remedy="Keep the intercept, or add a term.")
    response = response_of(formula.response, request.family, dictionary)
    random = random_terms(terms.bars, request.random_effect_sd, dictionary)
    offset = numeric(terms.offset, dictionary) if terms.offset else None
    check_names(fixed)
    for part in (terms, *(bar.terms for bar in terms.bars)):
        _check_variables(part, dictionary)
    _check_response(formula.response, response, terms, _read(fixed, random, offset))
    return Specification(
        formula=_in_one_line(request.formula),
        family=request.family,
        link=_link(request),
        response=response,
        fixed=fixed,
        offset=offset,
        weights=_weights(request.weights, dictionary),
        random=random,
        quadrature_points=_quadrature_points(request, random),
        reml=_reml(request),
        roster=_roster(request.sites, sites),
        dictionary_sha256=sha256_of(dictionary),
        tolerance=request.tolerance,
        max_rounds=request.max_rounds,
        confidence_level=request.confidence_level,
        title=_title(request.title),
    )


def _in_one_line(formula: str) -> str:
    """With single blanks, but for those of a quoted level: the sites read it once more."""
    return _BLANKS.sub(lambda found: found[1] or " ", formula).strip()


def _link(request: AnalysisRequest) -> LinkName:
    links = LINKS[request.family]
    if request.link is None:
        return links[0]
    if request.link not in links:
        remedy = f"The family {request.family} has {', '.join(links)}."
        raise RequestError(f"the family {request.family} has no link {request.link}.", where="link", remedy=remedy)
    return request.link


def _quadrature_points(request: AnalysisRequest, random: Sequence[RandomTerm]) -> QuadraturePoints:
    effects = sum(len(term.columns) for term in random)
    if request.quadrature_points != 1 and (effects != 1 or request.reml):
        raise RequestError(
            f"quadrature is for models with a single random effect a group, and this one has {effects}."
            if effects != 1
            else "REML and quadrature exclude each other: for a gaussian model the integral is exact.",
            where="quadrature_points",
            remedy="Use 1, the Laplace approximation.",
        )
    return request.quadrature_points


def _reml(request: AnalysisRequest) -> bool:
    if request.reml and request.family != "gaussian":
        raise RequestError(
            f"REML is for gaussian models, and the family is {request.family}.",
            where="reml",
            remedy="Leave reml out: the fit is by maximum likelihood.",
        )
    if request.reml and request.random_effect_sd is not None:
        remedy = "Leave one of the two out."
        raise RequestError("REML estimates the standard deviation that is given.", where="reml", remedy=remedy)
    return request.reml


def _title(text: str) -> str:
    """It is found out here, not in AnalysisRequest: what an earlier version took and stored is still read."""
    if _CONTROL.search(text):
        raise RequestError("a control character stands in it.", where="title", remedy="Write it in one line, without.")
    return text


def _roster(wanted: Sequence[SiteName] | None, known: Sequence[SiteName]) -> tuple[SiteName, ...]:
    """The sites of the analysis, in the coordinator's order."""
    names = known if wanted is None else wanted
    if not names:
        raise RequestError("there is no site.", where="sites", remedy="Name at least one.")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RequestError(f"unknown: {', '.join(unknown)}.", where="sites", remedy=f"The sites: {', '.join(known)}.")
    if len(set(names)) != len(names):
        raise RequestError("a site is named twice.", where="sites", remedy="Name every site once.")
    return tuple(name for name in known if name in names)


def _weights(name: str | None, dictionary: Dictionary) -> str | None:
    if name is not None:
        numbers = [variable.name for variable in dictionary.columns if variable.type in {"number", "integer"}]
        if name not in numbers:
            remedy = f"Numeric variables of the files: {', '.join(numbers)}."
            raise RequestError(f"`{name}` is no numeric variable of the dictionary.", where="weights", remedy=remedy)
    return name


def _check_variables(terms: Terms, dictionary: Dictionary) -> None:
    """A term or an offset that reads no variable is a constant, as `I(3)`."""
    used = [terms.variables[label] for term in terms.terms for label in term]
    for node in (*used, *([terms.offset] if terms.offset else [])):
        reads = node.kind == "name" or (node.kind == "call" and node.value in CODED_CALLS)  # or was refused before
        if not reads and not variables_of(expression(node, dictionary)):
            raise wrong(node, "it reads no variable.", "Leave it out: the intercept is the constant of a model.")


def _read(fixed: Sequence[Column], random: Sequence[RandomTerm], offset: Expression | None) -> frozenset[str]:
    """The variables that the right-hand side reads."""
    columns = (*fixed, *(column for term in random for column in term.columns))
    parts: list[Expression | Factor] = [factor for column in columns for factor in column.factors]
    if offset:
        parts.append(offset)
    groups = frozenset(name for term in random for name in term.group.split(":"))
    return groups.union(*(variables_of(part) for part in parts))


def _check_response(node: Node, response: Response, terms: Terms, read: frozenset[str]) -> None:
    """The response must not explain itself; what it is merely compared with (`y - before ~ before`) may."""
    match response:
        case EventResponse(variable=variable):
            own = read_at_all = frozenset({variable})
        case CountsResponse(successes=successes, failures=failures):
            own, read_at_all = variables_of(successes), variables_of(successes) | variables_of(failures)
        case NumericResponse(expression=computed):
            own = read_at_all = variables_of(computed)
    if not read_at_all:
        raise wrong(node, "the response reads no variable.", "Name the variable that the model explains.")
    repeated = len(own) == 1 and own <= read
    if repeated or deparse(node) in terms.variables:
        raise wrong(node, "the response is also on the right-hand side.", "Remove it there.")
