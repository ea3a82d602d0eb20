"""The options that several of the analyst's commands have: which coordinator, which model, how a file is split."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from coordinator.client.asks import Filters, request_of, wanted_of
from coordinator.client.connection import Coordinator
from coordinator.client.terminal import key_in
from coordinator.states import AnalysisState
from shared.errors import RequestError
from shared.families import LINKS
from shared.request import AnalysisRequest

_LINKS = "; ".join(f"{family}: {', '.join(links)}" for family, links in LINKS.items())
LONGEST_NUMBER = 9
"""Digits."""


def _states() -> list[str]:
    """For the shell, which completes them."""
    return list(AnalysisState)


@dataclass(frozen=True)
class Access:
    """A coordinator, and what it is shown."""

    coordinator: Annotated[str, typer.Option(envvar="FEDGLMM_COORDINATOR", help="its address")] = (
        "http://127.0.0.1:8000"
    )
    key_file: Annotated[Path | None, typer.Option(help="a file with the analyst's key")] = None
    ca_file: Annotated[
        Path | None,
        typer.Option(
            envvar="FEDGLMM_CA_FILE", help="PEM: the authority of its certificate, in the place of public ones"
        ),
    ] = None

    def connection(self) -> Coordinator:
        """A connection to it.

        Raises:
            SettingsError: the address is none, or a file cannot be read or holds something else.
        """
        return Coordinator(self.coordinator, key_in(self.key_file), ca_file=self.ca_file)

    def written(self) -> str:
        """The same as options of another command."""
        given = {"coordinator": self.coordinator.rstrip("/"), "key-file": self.key_file, "ca-file": self.ca_file}
        return " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in given.items() if value)


@dataclass(frozen=True)
class Which:
    """Which analyses are listed: those for which all that is given is so."""

    state: Annotated[
        str | None, typer.Option(help=f"in which they are: {', '.join(AnalysisState)}", autocompletion=_states)
    ] = None
    who: Annotated[str | None, typer.Option(help="whose they are, by the whole name")] = None
    formula: Annotated[str | None, typer.Option(help="a part of the formula, in small or capital letters")] = None
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="the first day (UTC) of submission")] = None
    until: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="the last day (UTC) of it")] = None

    def filters(self) -> Filters:
        """Those that are given.

        Raises:
            RequestError: one has a value that cannot be; it is named as the option.
        """
        given: Filters = {name: value for name, value in vars(self).items() if value is not None}  # type: ignore[assignment]
        try:
            wanted_of(**given)
        except RequestError as error:
            raise RequestError(error.message, where=f"--{error.where}", remedy=error.remedy) from None
        return given


@dataclass(frozen=True)
class Model:
    """What is estimated, beside the formula: fields of an AnalysisRequest."""

    family: Annotated[str, typer.Option(help=f"of the response: {', '.join(LINKS)}")] = "binomial"
    link: Annotated[str | None, typer.Option(help=f"{_LINKS}; the first unless given")] = None
    weights: Annotated[str | None, typer.Option(help="a column of prior weights, or of sizes for a proportion")] = None
    random_effect_sd: Annotated[
        float | None, typer.Option(help="fix the standard deviation of a single random effect")
    ] = None
    quadrature_points: Annotated[
        str,
        typer.Option(
            "--quadrature-points", "--nAGQ", help="of one random effect a group; 1 is Laplace, auto finds out how many"
        ),
    ] = "1"
    reml: Annotated[bool, typer.Option("--reml", "--REML", help="the restricted likelihood, for a gaussian family")] = (
        False
    )

    def request(self, formula: str, sites: tuple[str, ...] | None = None) -> AnalysisRequest:
        """The request for a formula.

        Raises:
            RequestError: a field has a value that cannot be.
        """
        return request_of(formula=formula, sites=sites, **vars(self) | {"quadrature_points": self._points})

    @property
    def _points(self) -> int | str:
        """A number, or what stands for one: the request's own rules judge it."""
        text = self.quadrature_points
        return int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else text


@dataclass(frozen=True)
class Split:
    """How a file becomes sites."""

    site: Annotated[
        str,
        typer.Option(
            help="the column whose values become sites; the model calls it `site`, and with --nodes by its own name"
        ),
    ]
    nodes: Annotated[
        int | None,
        typer.Option(min=1, help="deal the values out over so many sites: then they are groups, (1 | COLUMN)"),
    ] = None
    levels: Annotated[list[str] | None, typer.Option(help="COLUMN=a,b,c, the reference level first")] = None
    groups: Annotated[
        list[str] | None, typer.Option(help="a COLUMN that says whose the rows are, such as patients' numbers")
    ] = None
    numbers: Annotated[
        list[str] | None, typer.Option(help="a COLUMN whose whole numbers all differ and identify nobody")
    ] = None
    unmasked: Annotated[bool, typer.Option("--unmasked", help="let sites answer openly, for comparison")] = False

    def arguments(self, data: Path) -> list[str]:
        """Those of `fedglmm-site split`."""
        return [str(data), *self._options()]

    def _options(self) -> Iterator[str]:
        yield from ("--by", self.site)
        if self.nodes is not None:
            yield from ("--nodes", str(self.nodes))
        if self.unmasked:
            yield "--unmasked"
        for level in self.levels or []:
            yield from ("--levels", level)
        for group in self.groups or []:
            yield from ("--groups", group)
        for number in self.numbers or []:
            yield from ("--numbers", number)
