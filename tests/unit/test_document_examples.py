"""What docs/formula.md and docs/dictionary.md promise is what the code does, line by line."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.errors import RequestError
from shared.families import LINKS
from shared.optimisation.raising import ENOUGH, LADDER
from shared.request import AnalysisRequest
from shared.specification import Specification

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "formula.md").read_text(encoding="utf-8")
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


def asked(formula: str, **settings: Any) -> Specification:
    return resolve(AnalysisRequest(formula=formula, **settings), KNOWN, ("a", "b"))


TERMS = [*rows("Fixed effects"), *rows("Polynomials, splines, scaling, contrasts")]


@pytest.mark.parametrize("cells", TERMS, ids=lambda cells: cells[0])
def test_a_fixed_effect_has_the_columns_of_the_page(cells: list[str]) -> None:
    columns = [column.name for column in asked(f"death ~ {quoted(cells[0])[0]}").fixed]
    assert columns == quoted(cells[2])


@pytest.mark.parametrize("cells", TERMS, ids=lambda cells: cells[0])
def test_it_has_them_in_front_of_a_bar_too(cells: list[str]) -> None:
    written = quoted(cells[0])[0]
    (random,) = asked(f"death ~ 1 + ({written} | clinic)").random
    assert [column.name for column in random.columns] == quoted(cells[2])


def test_the_page_knows_the_constants_of_its_examples() -> None:
    fields = re.search(r"dictionary has `([^`]+)`", PAGE)
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
        assert asked(quoted(cells[0])[0], family=family, weights=weights).family == family


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


def blocks(specification: Specification) -> list[str]:
    """What covaries: all columns of a correlated term, and each of an uncorrelated one by itself."""
    found = []
    for term in specification.random:
        names = [column.name for column in term.columns]
        together = [", ".join(names)] if term.correlated else names
        found += [f"{one} by {term.group}" for one in together]
    return found


@pytest.mark.parametrize("cells", rows("Nested groups and blocks"), ids=lambda cells: cells[0])
def test_bars_are_read_as_the_blocks_of_the_page(cells: list[str]) -> None:
    assert blocks(asked(f"death ~ age + {quoted(cells[0])[0]}")) == quoted(cells[2])


@pytest.mark.parametrize("cells", rows("Nested groups and blocks"), ids=lambda cells: cells[0])
def test_restricted_likelihoods_go_with_all_of_them(cells: list[str]) -> None:
    assert asked(f"time ~ age + {quoted(cells[0])[0]}", family="gaussian", reml=True).reml


@pytest.mark.parametrize("points", [1, 100, "auto"])
@pytest.mark.parametrize("written", ["(1 | clinic)", "(0 + x | clinic)"])
def test_quadrature_is_for_the_single_effects_of_the_page(written: str, points: int | str) -> None:
    assert asked(f"death ~ age + {written}", quadrature_points=points).quadrature_points == points


def test_the_page_says_which_nodes_are_tried_and_when_they_are_enough() -> None:
    told = re.search(
        r"of (\d+) node it goes on with ([\d, and]+),\s+until .*? by no more than (\S+) for", PAGE, re.DOTALL
    )
    assert told is not None
    assert (int(told[1]), *map(int, re.findall(r"\d+", told[2]))) == LADDER
    assert float(told[3]) == ENOUGH


@pytest.mark.parametrize("cells", rows("Not available"), ids=lambda cells: cells[0])
def test_what_the_page_says_is_not_available_is_refused_with_a_remedy(cells: list[str]) -> None:
    written, *settings = quoted(cells[0])
    asking = json.loads(f"{{{', '.join(settings)}}}")
    response = "time" if asking.get("family") == "gaussian" else "death"
    with pytest.raises(RequestError) as caught:
        asked(f"{response} ~ age + {written}", **asking)
    assert caught.value.where.startswith(tuple(asking) or "formula")
    assert caught.value.remedy


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
