"""A fit goes to a file and comes back as it was; a file that is no fit is refused with the place in it and what to do."""

import json
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import Fit
from coordinator.client.saved import WRITABLE, ResultFileError
from shared.optimisation.outcome import OutcomeKind
from tests.unit.finished import result


@pytest.mark.parametrize("ending", list(OutcomeKind))
def test_a_saved_fit_comes_back_to_the_last_digit(tmp_path: Path, ending: OutcomeKind) -> None:
    fit = Fit(result(ending))
    fit.result["formula"] = "tod ~ größe"
    fit.save(tmp_path / "fit.json")
    assert Fit.load(str(tmp_path / "fit.json")) == fit


def test_saving_replaces_the_file(tmp_path: Path) -> None:
    file = tmp_path / "fit.json"
    file.write_text("old" * 100_000)
    Fit(result()).save(file)
    assert Fit.load(file) == Fit(result())


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultFileError, match=r"none/fit.json: the file cannot be written: No such file") as caught:
        Fit(result()).save(tmp_path / "none" / "fit.json")
    assert caught.value.remedy == WRITABLE


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "line 1, column 1: this is no JSON"),
        (b'{"formula": "y ~ x",\n "family": }', "line 2, column 12: this is no JSON"),
        (b"\xff\xfe", "the file is no text"),
        (b'{"a": NaN}', "it holds what is no number"),
        (b"[" * 100_000, "it holds what is no number or nests too deep"),
        (b"[1, 2]", "an object with named fields is needed"),
        (
            b'{"formula": "y ~ x", "family": "binomial"}',
            "title: it is no result of an analysis: the field `title` is missing",
        ),
    ],
    ids=["empty", "broken", "binary", "nan", "deep", "a-list", "a-request"],
)
def test_a_file_that_is_no_result_is_refused_with_the_place_and_the_remedy(
    tmp_path: Path, content: bytes, told: str
) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(content)
    with pytest.raises(ResultFileError) as caught:
        Fit.load(file)
    assert str(caught.value).startswith(str(file))
    assert told in str(caught.value)
    assert caught.value.remedy == "Give a file that `fit.save` or `fedglmm export` wrote."


def without(made: dict[str, Any], *place: Any) -> None:
    *inside, last = place
    for name in inside:
        made = made[name]
    del made[last]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (("tidy",), "tidy"),
        (("glance", "logLik"), "glance.logLik"),
        (("convergence", "outcome"), "convergence.outcome"),
        (("specification", "confidence_level"), "specification.confidence_level"),
        (("tidy", 1, "estimate"), "tidy.1.estimate"),
    ],
)
def test_a_result_that_lacks_something_names_it(tmp_path: Path, place: tuple[Any, ...], told: str) -> None:
    made = result()
    without(made, *place)
    (tmp_path / "cut.json").write_text(json.dumps(made))
    said = f"cut.json: {told}: it is no result of an analysis: the field `{place[-1]}` is missing"
    with pytest.raises(ResultFileError, match=said):
        Fit.load(tmp_path / "cut.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tidy": "text"}, "tidy: it is no result of an analysis: a list is needed"),
        ({"convergence": result()["convergence"] | {"outcome": "great"}}, "convergence.outcome: .*it is no ending"),
        ({"tidy": [result()["tidy"][0] | {"estimate": "0.5"}]}, "tidy.0.estimate: .* valid number"),
        ({"tidy": [7]}, "tidy.0: .* an object with named fields is needed"),
    ],
)
def test_what_has_another_type_is_named(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    (tmp_path / "odd.json").write_text(json.dumps(result() | change))
    with pytest.raises(ResultFileError, match=told):
        Fit.load(tmp_path / "odd.json")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultFileError, match=r"gone\.json: the file cannot be read: No such file"):
        Fit.load(tmp_path / "gone.json")
