"""A result that somebody made by hand is refused by the name of a field, or read to its end; and none speaks to a terminal."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import typer
from matplotlib import pyplot as plt
from typer.testing import CliRunner, Result

from coordinator.client import Fit
from coordinator.client.cli import app
from coordinator.client.comparison import compare
from coordinator.client.saved import ResultFileError
from coordinator.client.side_by_side import side_by_side
from coordinator.client.terminal import CONVERGED, WRONG, finish
from shared.errors import FedglmmError
from shared.optimisation.outcome import OutcomeKind
from shared.printable import on_one_line, printable
from tests.unit.finished import result

ODD: list[Any] = [None, 1e308, -1e308, 0, -1, 10**400, True, "text", "cor__a.b", [], [None], {}]
ESCAPE, CSI, OVERRIDE = "\x1b]0;owned\x07", "\x9b31m", "\u202e"
READERS: list[Callable[[Fit], object]] = [
    Fit.summary,
    Fit.tidy,
    Fit.glance,
    Fit.var_corr,
    Fit.ranef,
    Fit.cov_params,
    Fit.to_csv,
    Fit.to_latex,
    Fit._repr_html_,
    lambda fit: fit.tidy(exponentiate=True, conf_level=0.5),
    lambda fit: fit.tidy("ran_pars", conf_level=0.5),
    lambda fit: side_by_side(compare({"one": fit.result, "other": result()})),
    lambda fit: (fit.params, fit.bse, fit.llf, fit.nobs, fit.warnings, repr(fit)),
]
PLOTS: list[Callable[[Fit], object]] = [
    lambda fit: fit.plot.forest(),
    lambda fit: fit.plot.forest(exponentiate=True),
    lambda fit: fit.plot.caterpillar(),
    lambda fit: fit.plot.convergence(),
    lambda fit: fit.plot.correlation(),
]


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a result."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inside:
        yield (*above, name)
        yield from places(one, (*above, name))


def changed(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(result())
    at: Any = made
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    return made


def loaded(folder: Path, made: dict[str, Any]) -> Fit | None:
    """The fit; None where it is refused, by a place in the file and with a remedy."""
    file = folder / "made.json"
    file.write_text(json.dumps(made), encoding="utf-8")
    try:
        return Fit.load(file)
    except ResultFileError as error:
        refusal = error
    assert refusal.where.startswith(str(file))
    assert refusal.remedy
    return None


def read(fit: Fit, readers: list[Callable[[Fit], object]]) -> None:
    """A known fault is an answer, as that no site released its effect; anything else is a traceback."""
    for reader in readers:
        with suppress(FedglmmError):
            reader(fit)


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:12])
def test_whatever_stands_in_a_result_it_is_refused_or_read(tmp_path: Path, value: Any) -> None:
    refused = 0
    for place in places(result()):
        fit = loaded(tmp_path, changed(place, value))
        refused += fit is None
        if fit is not None:
            read(fit, READERS)
    assert refused > 20


@pytest.mark.parametrize("value", [None, 0, -1, 1e-308], ids=repr)
def test_whatever_number_stands_in_a_result_it_is_refused_or_drawn(tmp_path: Path, value: Any) -> None:
    mpl.use("agg")
    for place in places(result()):
        if place[:2] in {("tidy", 1), ("tidy", 6)} or place[0] == "vcov" or "trace" in place:
            fit = loaded(tmp_path, changed(place, value))
            if fit is not None:
                read(fit, PLOTS)
                plt.close("all")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("tidy", 0, "estimate"), None, "tidy.0: "),
        (("tidy", 0, "estimate"), 1e308, "tidy.0.estimate: "),
        (("tidy", 0, "std.error"), -0.5, "tidy.0.std.error: "),
        (("vcov", "matrix", 0, 0), 1e308, "vcov.matrix.0.0: "),
        (("vcov", "matrix", 0), [1.0], "vcov: "),
        (("glance", "npar"), 10**9, "glance.npar: "),
        (("glance", "logLik"), None, "glance.logLik"),
        (("convergence", "trace", 0, "decrement"), 1e308, "convergence.trace.0.decrement: "),
        (("specification", "confidence_level"), 1.0, "specification.confidence_level: "),
    ],
)
def test_the_field_is_named(tmp_path: Path, place: tuple[Any, ...], value: Any, said: str) -> None:
    file = tmp_path / "made.json"
    file.write_text(json.dumps(changed(place, value)), encoding="utf-8")
    with pytest.raises(ResultFileError) as caught:
        Fit.load(file)
    assert said in str(caught.value)
    assert "it is no result of an analysis" in caught.value.message


@pytest.mark.parametrize("ending", list(OutcomeKind))
def test_a_result_of_the_coordinators_is_one_whatever_its_ending(tmp_path: Path, ending: OutcomeKind) -> None:
    fit = loaded(tmp_path, result(ending))
    assert fit is not None
    read(fit, READERS)


def test_what_does_not_print_is_escaped_as_json_has_it_and_json_stays_the_same() -> None:
    text = f"größe {ESCAPE}{CSI}{OVERRIDE} 2 µg\n"
    assert printable("größe 2 µg\n\t") == "größe 2 µg\n\t"
    assert printable(text) == "größe \\u001b]0;owned\\u0007\\u009b31m\\u202e 2 µg\n"
    assert on_one_line("a\tb\r\n") == "a\\tb\\r\\n"
    value = {"formula": text}
    assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value


def speaking() -> str:
    """The file of a result whose names, formula and warnings speak to a terminal."""
    loud = json.dumps(f"x{ESCAPE}{CSI}{OVERRIDE}")[1:-1]
    return json.dumps(result()).replace("x_dose", loud)


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_no_name_in_a_file_speaks_to_the_terminal_of_who_compares_it(tmp_path: Path, form: list[str]) -> None:
    files = []
    for name, text in (("one", json.dumps(result())), ("two", speaking())):
        file = tmp_path / f"{name}.json"
        file.write_text(text, encoding="utf-8")
        files.append(str(file))
    assert_quiet(CliRunner().invoke(app, ["compare", *files, *form]), CONVERGED)


@pytest.mark.parametrize("as_json", [False, True])
def test_no_name_in_a_result_speaks_to_the_terminal_of_who_shows_it(as_json: bool) -> None:
    shown = typer.Typer()
    shown.command()(lambda: finish(Fit(json.loads(speaking())), as_json=as_json))
    assert_quiet(CliRunner().invoke(shown), CONVERGED)


def test_no_name_in_a_file_speaks_to_the_terminal_of_who_is_told_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "made.json"
    file.write_text(json.dumps(changed(("glance", "ngrps"), {ESCAPE + CSI: "many"})), encoding="utf-8")
    assert_quiet(CliRunner().invoke(app, ["compare", str(file), "other"]), WRONG)


def assert_quiet(told: Result, code: int) -> None:
    assert told.exit_code == code, told.output
    assert "owned" in told.output
    assert not {"\x1b", "\x9b", "\x07", OVERRIDE} & set(told.output)
