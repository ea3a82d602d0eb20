"""A dictionary that no data can follow is refused where it is read."""

import json
from pathlib import Path

import pytest

from shared.dictionary import MISSING_TEXTS, read_dictionary
from shared.errors import DictionaryError


def refused(folder: Path, **variable: object) -> str:
    path = folder / "dictionary.json"
    path.write_text(json.dumps({"variables": [{"name": "region", **variable}]}), encoding="utf-8")
    with pytest.raises(DictionaryError) as caught:
        read_dictionary(path)
    return str(caught.value)


@pytest.mark.parametrize("level", [text for text in MISSING_TEXTS if text])
def test_a_level_that_means_missing_in_a_file_is_refused(tmp_path: Path, level: str) -> None:
    """Its rows would be dropped without a word."""
    words = refused(tmp_path, type="factor", levels=["EU", level])
    assert f"region: `{level}` means that a value is missing" in words


def test_a_range_that_begins_above_its_end_is_refused(tmp_path: Path) -> None:
    assert "its range begins above its end" in refused(tmp_path, type="number", range=[5, 1])


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ({"type": "number", "coding": "sum"}, "a factor has a coding, and nothing else has"),
        ({"type": "factor", "levels": ["a"], "mean": 0}, "a number has a mean, sd and knots, and nothing else has"),
        ({"type": "group", "sd": 1}, "a number has a mean, sd and knots, and nothing else has"),
        ({"type": "group", "knots": [1]}, "a number has a mean, sd and knots, and nothing else has"),
        ({"type": "number", "sd": 0}, "sd"),
        ({"type": "number", "knots": [2, 1]}, "its knots do not increase, inside of its range"),
        ({"type": "number", "knots": [1, 1]}, "its knots do not increase, inside of its range"),
        ({"type": "number", "knots": [0, 5], "range": [0, 9]}, "its knots do not increase, inside of its range"),
        ({"type": "number", "knots": list(range(51))}, "knots"),
        ({"type": "factor", "levels": ["a", "b"], "coding": "helmert"}, "coding"),
    ],
)
def test_constants_that_mean_nothing_are_refused(tmp_path: Path, variable: dict[str, object], words: str) -> None:
    assert words in refused(tmp_path, **variable)
