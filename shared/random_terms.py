"""The bars of a formula as random terms, read as lme4 reads them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.dictionary import SITE, Dictionary
from shared.errors import RequestError
from shared.formula.columns import design_columns
from shared.formula.expressions import Column
from shared.formula.meaning import variable_of
from shared.formula.syntax import Node, deparse, wrong
from shared.formula.terms import Bar, Terms
from shared.specification import MOST_GROUPINGS, MOST_RANDOM, RandomTerm

Blocks = dict[str, list[tuple[Column, ...]]]
"""By grouping factor, the columns that covary with each other."""


def random_terms(bars: Sequence[Bar], sd: float | None, dictionary: Dictionary) -> tuple[RandomTerm, ...]:
    """The random terms, those of the outer grouping factor first: `(1 | g) + (0 + x | g)` is `(1 + x || g)`.

    Raises:
        RequestError: there are too many effects or grouping factors, or a standard deviation is given that is not of a
            single one; FormulaError, when it is a bar's fault.
    """
    blocks: Blocks = {}
    for bar in bars:
        for group in _groups(bar, dictionary):
            blocks.setdefault(group, []).extend(_blocks(bar, dictionary))
    effects = sum(len(block) for some in blocks.values() for block in some)
    if sd is not None and effects != 1:
        remedy = "It fixes the standard deviation of one scalar term, as `(1 | site)`."
        raise RequestError(f"the model has {effects} random effects a group.", where="random_effect_sd", remedy=remedy)
    if effects > MOST_RANDOM:
        remedy = f"At most {MOST_RANDOM}: leave out terms in front of the bar, or merge levels in the dictionary."
        raise RequestError(f"the model has {effects} random effects a group.", where="formula", remedy=remedy)
    return tuple(term for group in _outer_first(list(blocks)) for term in _terms(group, blocks[group], sd))


def check_names(columns: Sequence[Column]) -> None:
    """Columns have names of their own.

    Raises:
        RequestError: two have the same.
    """
    for name, times in Counter(column.name for column in columns).items():
        if times > 1:
            raise RequestError(f"two columns have the name `{name}`.", where="formula", remedy="Leave one of them out.")


def _check_effects(group: str, names: Sequence[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise RequestError(
                f"`{group}` has the random effect `{name}` twice.",
                where=f"formula, the terms of `{group}`",
                remedy=f"Name each effect once: after `(1 | {group})` a slope alone is `(0 + x | {group})`.",
            )


def _terms(group: str, blocks: Sequence[tuple[Column, ...]], sd: float | None) -> Iterator[RandomTerm]:
    """All effects that covary with no other are one uncorrelated term."""
    _check_effects(group, [column.name for block in blocks for column in block])
    single = tuple(block[0] for block in blocks if len(block) == 1)
    if single:
        yield RandomTerm(group=group, columns=single, correlated=len(single) == 1, sd=sd)
    for block in blocks:
        if len(block) > 1:
            yield RandomTerm(group=group, columns=block)


def _blocks(bar: Bar, dictionary: Dictionary) -> Iterator[tuple[Column, ...]]:
    """`||` keeps terms apart, but not the levels of a factor: as in lme4 these are columns of their own, and covary."""
    found = [bar.terms] if bar.correlated else list(_apart(bar.terms))
    blocks = [columns for terms in found if (columns := design_columns(terms, dictionary))]
    if not blocks:
        raise wrong(bar.node, "there is nothing in front of the bar.", f"Write `(1 | {deparse(bar.group)})`.")
    yield from blocks


def _apart(terms: Terms) -> Iterator[Terms]:
    if terms.intercept:
        yield replace(terms, terms=())
    for term in terms.terms:
        yield replace(terms, terms=(term,), intercept=False)


def _groups(bar: Bar, dictionary: Dictionary) -> tuple[str, ...]:
    """The grouping factors of a bar: `a/b` is a, and b within a."""
    match bar.group:
        case Node(kind="operator", value="/", operands=(Node(value="/"), _)):
            written = f"formula, `{deparse(bar.node)}`"
            remedy = "Name two of them; `a:b` joins two variables to one."
            raise RequestError("these are three levels of groups, and two are the most.", where=written, remedy=remedy)
        case Node(kind="operator", value="/", operands=(outer, inner)):
            outer_name, inner_name = _group(outer, bar, dictionary), _group(inner, bar, dictionary)
            if inner_name == SITE:
                raise wrong(bar.group, "every group lies within a site.", f"Write `site/{outer_name}`.")
            return outer_name, inner_name if outer_name == SITE else f"{inner_name}:{outer_name}"
    return (_group(bar.group, bar, dictionary),)


def _group(node: Node, bar: Bar, dictionary: Dictionary) -> str:
    """A name, or names joined by colons; the site need not be named beside a variable, whose levels are the site's own."""
    match node:
        case Node(kind="name", value=value):
            return value if value == SITE else _column(node, dictionary)
        case Node(kind="operator", value=":", operands=(left, right)):
            names = [name for one in (left, right) for name in _group(one, bar, dictionary).split(":") if name != SITE]
            return ":".join(dict.fromkeys(names)) or SITE
    remedy = "Name one variable, `a:b`, or `a/b` for b within a."
    raise RequestError(
        "a computed grouping factor is not available.", where=f"formula, `{deparse(bar.node)}`", remedy=remedy
    )


def _column(node: Node, dictionary: Dictionary) -> str:
    variable = variable_of(node, dictionary)
    if variable.derived is not None:
        raise wrong(node, "a derived variable groups no rows.", "Group by a column of the files.")
    return variable.name


def _outer_first(groups: Sequence[str]) -> Sequence[str]:
    """Of two, the one whose variables are among the other's; as written where neither is: the sites check how they lie."""
    if len(groups) > MOST_GROUPINGS:
        raise RequestError(
            f"the model has {len(groups)} grouping factors: {', '.join(groups)}.",
            where="formula",
            remedy=f"At most {MOST_GROUPINGS}, one within the other, as in (1 | site) + (1 | clinic).",
        )
    variables = {group: frozenset(group.split(":")) - {SITE} for group in groups}
    if len(groups) == MOST_GROUPINGS and variables[groups[1]] < variables[groups[0]]:
        return groups[::-1]
    return groups
