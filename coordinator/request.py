"""What an analyst asked for, settled against the dictionary and the roster: AnalysisRequest to Specification."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from pydantic import ValidationError

from coordinator.sizes import check_sizes
from shared.dictionary import SITE, Dictionary
from shared.errors import RequestError
from shared.formula.columns import design_columns
from shared.formula.expressions import Column, Expression, Factor, NumericFactor, variables_of
from shared.formula.grammar import parse
from shared.formula.meaning import expression, numeric, variable_of
from shared.formula.syntax import Node, deparse, wrong
from shared.formula.terms import Bar, Terms, expand
from shared.specification import (
    LINKS,
    MOST_RANDOM,
    AnalysisRequest,
    CountsResponse,
    EventResponse,
    FamilyName,
    LinkName,
    NumericResponse,
    RandomTerm,
    Response,
    SiteName,
    Specification,
    sha256_of,
)
from shared.validation import in_words

BINARY = 2
"""Levels of a factor that can be a response."""


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


def _resolved(request: AnalysisRequest, dictionary: Dictionary, sites: Sequence[SiteName]) -> Specification:
    formula = parse(request.formula)
    terms = expand(formula.right)
    fixed = design_columns(terms, dictionary)
    if not fixed:
        raise RequestError("there is no fixed effect.", where="formula", remedy="Keep the intercept, or add a term.")
    response = _response(formula.response, request.family, dictionary)
    random = _random(terms.bars, request.random_effect_sd, dictionary)
    offset = numeric(terms.offset, dictionary) if terms.offset else None
    _check_names(fixed)
    for part in (terms, *(bar.terms for bar in terms.bars)):
        _check_variables(part, dictionary)
    _check_response(formula.response, response, terms, _read(fixed, random, offset))
    return Specification(
        formula=" ".join(request.formula.split()),
        family=request.family,
        link=_link(request),
        response=response,
        fixed=fixed,
        offset=offset,
        weights=_weights(request.weights, dictionary),
        random=random,
        quadrature_points=_quadrature_points(request.quadrature_points),
        roster=_roster(request.sites, sites),
        dictionary_sha256=sha256_of(dictionary),
        tolerance=request.tolerance,
        max_rounds=request.max_rounds,
        confidence_level=request.confidence_level,
        title=request.title,
    )


def _not_yet(what: str, where: str, remedy: str) -> RequestError:
    return RequestError(f"{what} not available yet.", where=where, remedy=remedy)


def _link(request: AnalysisRequest) -> LinkName:
    links = LINKS[request.family]
    if request.link is None:
        return links[0]
    if request.link not in links:
        remedy = f"The family {request.family} has {', '.join(links)}."
        raise RequestError(f"the family {request.family} has no link {request.link}.", where="link", remedy=remedy)
    return request.link


def _quadrature_points(points: int) -> Literal[1]:
    if points != 1:
        raise _not_yet("adaptive quadrature is", "quadrature_points", "Use 1, the Laplace approximation.")
    return 1


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
        numbers = [variable.name for variable in dictionary.variables if variable.type in {"number", "integer"}]
        if name not in numbers:
            remedy = f"Numeric variables: {', '.join(numbers)}."
            raise RequestError(f"`{name}` is no numeric variable of the dictionary.", where="weights", remedy=remedy)
    return name


def _response(node: Node, family: FamilyName, dictionary: Dictionary) -> Response:
    if node.kind == "call" and node.value == "cbind":
        if family != "binomial":
            raise wrong(node, f"the family {family} has no counts of successes and failures.", "Name one variable.")
        successes, failures = (numeric(operand, dictionary) for operand in node.operands)
        return CountsResponse(successes=successes, failures=failures)
    if node.kind != "name" or (variable := variable_of(node, dictionary)).type != "factor":
        return NumericResponse(expression=expression(node, dictionary))
    levels = variable.coded_levels
    if family != "binomial":
        raise wrong(node, f"a factor is no response of the family {family}.", "Name a numeric variable.")
    if len(levels) != BINARY:
        remedy = f'Name the event: `{deparse(node)} == "{levels[-1]}"`.'
        raise wrong(node, f"a response has two levels, and this factor has {len(levels)}.", remedy)
    return EventResponse(variable=variable.name, event=levels[1])


def _random(bars: Sequence[Bar], sd: float | None, dictionary: Dictionary) -> RandomTerm | None:
    """The bars as one random term: `(1 | g) + (0 + x | g)` is `(1 + x || g)`."""
    groups = {_group(bar, dictionary): bar for bar in bars}
    if len(groups) > 1:
        raise _not_yet("more than one grouping factor is", "formula", f"Choose one of: {', '.join(groups)}.")
    blocks = [_block(bar, dictionary) for bar in bars]
    columns = tuple(column for block in blocks for column in block)
    if sd is not None and len(columns) != 1:
        remedy = "It fixes the standard deviation of one scalar term, as `(1 | site)`."
        raise RequestError(
            f"the model has {len(columns)} random effects a group.", where="random_effect_sd", remedy=remedy
        )
    if not bars:
        return None
    if len(bars) > 1 and any(bar.correlated and len(block) > 1 for bar, block in zip(bars, blocks, strict=True)):
        raise _not_yet(
            "a correlated block beside another one is", "formula", "Write one `(... | g)` or one `(... || g)`."
        )
    if len(columns) > MOST_RANDOM:
        remedy = f"At most {MOST_RANDOM}: leave out terms in front of the bar, or merge levels in the dictionary."
        raise RequestError(f"the model has {len(columns)} random effects a group.", where="formula", remedy=remedy)
    _check_names(columns)
    correlated = len(columns) == 1 or (len(bars) == 1 and bars[0].correlated)
    return RandomTerm(group=next(iter(groups)), columns=columns, correlated=correlated, sd=sd)


def _group(bar: Bar, dictionary: Dictionary) -> str:
    group = bar.group
    if group.kind != "name":
        raise _not_yet(
            "a nested or computed grouping factor is", f"formula, `{deparse(bar.node)}`", "Name one variable."
        )
    return group.value if group.value == SITE else variable_of(group, dictionary).name


def _block(bar: Bar, dictionary: Dictionary) -> tuple[Column, ...]:
    columns = design_columns(bar.terms, dictionary)
    if not columns:
        raise wrong(bar.node, "there is nothing in front of the bar.", f"Write `(1 | {deparse(bar.group)})`.")
    # lme4 keeps a factor's levels correlated under `||`, and one RandomTerm cannot say so.
    if not bar.correlated and any(not isinstance(factor, NumericFactor) for one in columns for factor in one.factors):
        raise _not_yet(
            "a factor under `||` is", f"formula, `{deparse(bar.node)}`", "Use `|`, or a numeric 0/1 variable."
        )
    return columns


def _check_names(columns: Sequence[Column]) -> None:
    name, times = Counter(column.name for column in columns).most_common(1)[0]
    if times > 1:
        raise RequestError(f"two columns have the name `{name}`.", where="formula", remedy="Leave one of them out.")


def _check_variables(terms: Terms, dictionary: Dictionary) -> None:
    """A term or an offset that reads no variable is a constant, as `I(3)`."""
    used = [terms.variables[label] for term in terms.terms for label in term]
    for node in (*used, *([terms.offset] if terms.offset else [])):
        if node.kind != "name" and not variables_of(expression(node, dictionary)):
            raise wrong(node, "it reads no variable.", "Leave it out: the intercept is the constant of a model.")


def _read(fixed: Sequence[Column], random: RandomTerm | None, offset: Expression | None) -> frozenset[str]:
    """The variables that the right-hand side reads."""
    columns = (*fixed, *(random.columns if random else ()))
    parts: list[Expression | Factor] = [factor for column in columns for factor in column.factors]
    if offset:
        parts.append(offset)
    group = frozenset({random.group} if random else ())
    return group.union(*(variables_of(part) for part in parts))


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
