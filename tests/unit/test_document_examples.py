"""What docs/formula.md and docs/dictionary.md promise is what the code does, line by line."""

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
KNOWN = Dictionary.model_validate(
    {
        "variables": [
            *({"name": name, "type": type_} for name, type_ in NUMBERS.items()),
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


@pytest.mark.parametrize("cells", rows("Fixed effects"), ids=lambda cells: cells[0])
def test_a_fixed_effect_has_the_columns_of_the_page(cells: list[str]) -> None:
    columns = [column.name for column in asked(f"death ~ {quoted(cells[0])[0]}").fixed]
    assert columns == quoted(cells[2])


def random_effects() -> list[str]:
    return [line[4:].split("   ")[0] for line in section("Random effects").splitlines() if line.startswith("    (")]


@pytest.mark.parametrize("written", random_effects())
def test_a_random_effect_of_the_page_can_be_asked_for(written: str) -> None:
    assert asked(f"death ~ age + {written}").random is not None


@pytest.mark.parametrize("same", ["(1 + age || clinic)", "(1 | clinic) + (0 + age | clinic)"])
def test_two_ways_to_write_independent_effects_are_one(same: str) -> None:
    random = asked(f"death ~ age + {same}").random
    assert random is not None
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


def test_the_page_says_what_every_field_of_a_variable_means() -> None:
    fields = re.findall(r"^\| `(\w+)` \|", section("The file", "dictionary.md"), re.MULTILINE)
    assert set(Variable.model_fields) <= set(fields)
