"""What docs/formula.md and docs/dictionary.md promise is what the code does, line by line."""

import json
import re
from pathlib import Path

import pytest

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.errors import RequestError
from shared.specification import LINKS, AnalysisRequest, FamilyName, Specification

DOCS = Path(__file__).parents[2] / "docs"
NUMBERS = {"death": "integer", "events": "integer", "n": "integer"} | dict.fromkeys(("age", "x", "z", "time"), "number")
FACTORS = {"arm": ("placebo", "drug"), "stage": ("I", "II", "III"), "outcome": ("alive", "dead")}
AGREED = {"age": {"range": [18, 98], "mean": 60, "sd": 15, "knots": [50, 65]}}
KNOWN = Dictionary.model_validate(
    {
        "variables": [
            *({"name": name, "type": type_, **AGREED.get(name, {})} for name, type_ in NUMBERS.items()),
            *({"name": name, "type": "factor", "levels": levels} for name, levels in FACTORS.items()),
            *({"name": name, "type": "group"} for name in ("clinic", "ward")),
        ]
    }
)


def section(title: str, page: str = "formula.md") -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of a section's tables; a bar in a cell is written with a backslash."""
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def asked(formula: str, family: FamilyName = "binomial", weights: str | None = None) -> Specification:
    return resolve(AnalysisRequest(formula=formula, family=family, weights=weights), KNOWN, ("a", "b"))


TERMS = [*rows("Fixed effects"), *rows("Polynomials, splines, scaling, contrasts")]


@pytest.mark.parametrize("cells", TERMS, ids=lambda cells: cells[0])
def test_a_fixed_effect_has_the_columns_of_the_page(cells: list[str]) -> None:
    columns = [column.name for column in asked(f"death ~ {quoted(cells[0])[0]}").fixed]
    assert columns == quoted(cells[2])


@pytest.mark.parametrize("cells", TERMS, ids=lambda cells: cells[0])
def test_it_has_them_in_front_of_a_bar_too(cells: list[str]) -> None:
    written = quoted(cells[0])[0]
    random = asked(f"death ~ 1 + ({written} | clinic)").random
    assert random is not None
    assert [column.name for column in random.columns] == quoted(cells[2])


def test_the_page_knows_the_constants_of_its_examples() -> None:
    fields = re.search(r"dictionary has `([^`]+)`", (DOCS / "formula.md").read_text(encoding="utf-8"))
    assert fields is not None
    assert json.loads(f"{{{fields[1]}}}") == AGREED["age"]


def test_scaling_by_agreed_constants_is_the_arithmetic_of_the_page() -> None:
    (_, agreed), (_, written) = (asked(f"death ~ {text}").fixed for text in ("scale(age)", "I((age - 60) / 15)"))
    assert agreed.factors == written.factors


def random_effects() -> list[str]:
    return [line[4:].split("   ")[0] for line in section("Random effects").splitlines() if line.startswith("    (")]


@pytest.mark.parametrize("written", random_effects())
def test_a_random_effect_of_the_page_can_be_asked_for(written: str) -> None:
    assert asked(f"death ~ age + {written}").random


@pytest.mark.parametrize("same", ["(1 + age || clinic)", "(1 | clinic) + (0 + age | clinic)"])
def test_two_ways_to_write_independent_effects_are_one(same: str) -> None:
    (random,) = asked(f"death ~ age + {same}").random
    assert ([column.name for column in random.columns], random.correlated) == (["(Intercept)", "age"], False)


@pytest.mark.parametrize("cells", rows("The response"), ids=lambda cells: cells[0])
def test_a_response_of_the_page_can_be_asked_for(cells: list[str]) -> None:
    weights = "n" if "weights" in cells[2] else None
    families = [family for family in LINKS if family in cells[1].split(", ")]
    assert ", ".join(families) == cells[1]
    for family in families:
        assert asked(quoted(cells[0])[0], family, weights).family == family


def test_the_second_level_in_coding_order_is_the_event() -> None:
    turned = Variable(name="outcome", type="factor", levels=("alive", "dead"), reference="dead")
    for variable, event in ((KNOWN["outcome"], "dead"), (turned, "alive")):
        known = Dictionary(variables=(variable,))
        response = resolve(AnalysisRequest(formula="outcome ~ 1"), known, ("a",)).response
        assert getattr(response, "event", None) == event


def refused() -> list[str]:
    return [written for cells in rows("What is refused, and what to write") for written in quoted(cells[0])]


@pytest.mark.parametrize("written", refused())
def test_what_the_page_says_is_refused_is_refused_with_a_remedy(written: str) -> None:
    with pytest.raises(RequestError) as caught:
        asked(f"death ~ {written}")
    assert caught.value.where.startswith("formula, character ")
    assert caught.value.remedy


def not_available() -> list[str]:
    return [written for cells in rows("Not available yet") for written in quoted(cells[0])]


@pytest.mark.parametrize("written", not_available())
def test_what_the_page_says_is_not_available_yet_is_refused_as_such(written: str) -> None:
    with pytest.raises(RequestError, match="not available yet"):
        asked(f"death ~ age + {written}")


def test_the_dictionary_of_the_page_is_one() -> None:
    block = "\n".join(line for line in section("The file", "dictionary.md").splitlines() if line.startswith("    "))
    dictionary = Dictionary.model_validate_json(block)
    assert dictionary["treatment"].coded_levels == ("control", "beta-blocker")


def test_the_dictionary_of_the_page_settles_what_the_page_says() -> None:
    block = "\n".join(line for line in section("The file", "dictionary.md").splitlines() if line.startswith("    "))
    known = Dictionary.model_validate_json(block)
    asking = AnalysisRequest(formula="death ~ scale(age) + ns(age) + region")
    names = [column.name for column in resolve(asking, known, ("a",)).fixed]
    assert names == ["(Intercept)", "scale(age)", "ns(age)1", "ns(age)2", "ns(age)3", "region1", "region2"]


def test_the_page_says_what_every_field_of_a_variable_means() -> None:
    firsts = re.findall(r"^\| (`[^|]+`) \|", section("The file", "dictionary.md"), re.MULTILINE)
    fields = {field for cell in firsts for field in quoted(cell)}
    assert set(Variable.model_fields) <= fields
