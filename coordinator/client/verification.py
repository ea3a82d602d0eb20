"""Whether a result is what the sites of its roster signed: the signatures, and that the estimates are those of the signed psi."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ValidationError

from shared.consortium import Consortium, in_short
from shared.errors import SettingsError, VerificationError
from shared.masking.countersigned import Countersigned
from shared.masking.result import Signed
from shared.optimisation.outcome import OutcomeKind
from shared.parameters import ParameterLayout, Term
from shared.specification import Specification
from shared.validation import in_words

ROUNDING = 1e-9
"""Of a standard deviation, and of a correlation: they are computed from psi, and in its last bits by each machine in its way."""
_EXPORT = "Give the file that `fedglmm export ID --out FILE` wrote."
_ALTERED = "Do not use it; export the result anew, and ask who changed it."


class _Row(BaseModel):
    """An estimate of the table."""

    effect: str
    group: str | None
    term: str
    estimate: float | None


class _Convergence(BaseModel):
    outcome: str


class _Partner(BaseModel):
    site: str


class Result(BaseModel):
    """What of a result can be held against signatures."""

    title: str
    formula: str
    family: str
    link: str
    tidy: tuple[_Row, ...]
    convergence: _Convergence
    specification: Specification
    specification_sha256: str
    roster: tuple[_Partner, ...]
    countersigned: Countersigned | None


class _Estimate(NamedTuple):
    group: str | None
    term: str
    value: float
    slack: float = 0.0


def read_result(path: Path) -> Result:
    """The result in a file.

    Raises:
        SettingsError: it cannot be read, or is none.
    """
    try:
        return Result.model_validate_json(path.read_bytes())
    except OSError as error:
        message = f"the result cannot be read: {error.strerror}."
        raise SettingsError(message, where=str(path), remedy=_EXPORT) from None
    except ValidationError as error:
        told = in_words(error, Result)
        message = f"it is no result that can be verified: {told.message}"
        raise SettingsError(message, where=told.where_in(path), remedy=_EXPORT) from None


def verify(result: Result, consortium: Consortium) -> str:
    """Who signed what, in words.

    Raises:
        VerificationError: not every site of the roster signed this result. Its code says why: one of `Countersigned.check`;
            `unmasked`, nobody signed; or `altered`, what is shown is not what was signed.
    """
    if result.countersigned is None:
        remedy = "Sites sign masked results only: found a consortium, and submit the analysis again."
        raise VerificationError("no site has signed it.", where="countersigned", remedy=remedy, code="unmasked")
    result.countersigned.check(consortium, result.specification)
    _check_shown(result, result.countersigned.signed)
    return f"{in_short(consortium)}\n{_words(result, result.countersigned)}"


def _words(result: Result, countersigned: Countersigned) -> str:
    signed = countersigned.signed
    return (
        f"Every site of the roster signed: {', '.join(result.specification.roster)}. In analysis {countersigned.analysis}, "
        f"`{result.formula}` ({result.family}, {result.link}), the sums of all of them led by the agreed step to "
        f"{signed.outcome}, and to the {len(signed.psi)} parameters that the estimates are made of.\n"
        "Standard errors, counts, log-likelihoods, warnings and the sites' own effects are the coordinator's word."
    )


def _check_shown(result: Result, signed: Signed) -> None:
    """What a reader looks at is what was signed."""
    specification = result.specification
    for place, shown, true in (
        ("title", result.title, specification.title),
        ("formula", result.formula, specification.formula),
        ("family", result.family, specification.family),
        ("link", result.link, specification.link),
        ("specification_sha256", result.specification_sha256, specification.sha256),
        ("roster", tuple(one.site for one in result.roster), specification.roster),
        ("convergence.outcome", result.convergence.outcome, signed.outcome),
    ):
        if shown != true:
            raise _altered(place)
    layout = specification.layout
    if len(signed.psi) != layout.size or len(signed.basis) != layout.q**2:
        raise _altered("specification")
    if result.tidy or OutcomeKind(signed.outcome).has_estimates:  # else there is nothing to be held to them
        _check_rows(result, "fixed", list(_fixed(layout, signed)))
        _check_rows(result, "ran_pars", list(_random(layout, signed)))


def _check_rows(result: Result, effect: str, signed: list[_Estimate]) -> None:
    shown = [row for row in result.tidy if row.effect == effect]
    if [(row.group, row.term) for row in shown] != [(one.group, one.term) for one in signed]:
        raise _altered(f"tidy, the rows of {effect}")
    for row, one in zip(shown, signed, strict=True):
        value = one.value if math.isfinite(one.value) else None  # as a result writes what is not finite
        same = row.estimate == value
        if value is not None and row.estimate is not None:
            same = abs(row.estimate - value) <= one.slack
        if not same:
            raise _altered(f"tidy, `{row.term}`")


def _fixed(layout: ParameterLayout, signed: Signed) -> Iterator[_Estimate]:
    for name, value in zip(layout.fixed, signed.psi, strict=False):
        yield _Estimate(None, name, value)


def _random(layout: ParameterLayout, signed: Signed) -> Iterator[_Estimate]:
    """Of each term the standard deviations, then the correlations row by row; then the dispersion."""
    parameters = layout.unpack(np.array(signed.psi))
    factor = np.array(signed.basis).reshape(layout.q, layout.q) @ parameters.Lambda
    covariance = factor @ factor.T
    sd = np.sqrt(covariance.diagonal())
    for term, block in layout.blocks:
        for a in range(block.start, block.stop):
            value = float(sd[a])
            yield _Estimate(term.group, f"sd__{layout.random[a]}", value, ROUNDING * value)
        for a, b in _pairs(term, block):
            product = float(sd[a] * sd[b])
            value = max(-1.0, min(1.0, float(covariance[a, b]) / product)) if product > 0.0 else math.nan
            yield _Estimate(term.group, f"cor__{layout.random[b]}.{layout.random[a]}", value, ROUNDING)
    if layout.dispersion:
        kind = "sd" if layout.dispersion == "sigma" else layout.dispersion
        phi = math.exp(parameters.log_phi)
        yield _Estimate("Residual", f"{kind}__Observation", phi, ROUNDING * phi)


def _pairs(term: Term, block: slice) -> Iterator[tuple[int, int]]:
    """Of effects that correlate, as lme4 lists them: row by row below the diagonal."""
    if term.correlated:
        yield from ((a, b) for a in range(block.start, block.stop) for b in range(block.start, a))


def _altered(place: str) -> VerificationError:
    return VerificationError("it is not what the sites signed.", where=place, remedy=_ALTERED, code="altered")
