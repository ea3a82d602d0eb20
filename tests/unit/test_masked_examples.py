"""Every example of masked rounds in docs/protocol.md is a message that the code takes and writes, with every field there is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from shared.masking.messages import MaskedReply
from shared.messages import Accepted, CloseReply, CloseRequest, EvaluateRequest, StartRequest

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Masked rounds\n")[1].split("\n## ")[0]
IN_ORDER: list[type[BaseModel]] = [Accepted, StartRequest, MaskedReply, EvaluateRequest, CloseRequest, CloseReply]
LONG = {"signature": 128}
"""Hexadecimal digits of what is shortened; a hash or a key has 64, and base64 comes in fours."""


def whole(shortened: re.Match[str]) -> str:
    """A field with as many characters as the message has."""
    name, begins = shortened.groups()
    length = len(begins) if name in {"numbers", "path"} else LONG.get(name, 64)
    return f'"{name}": "{begins.ljust(length, "0")}"'


def examples() -> list[dict[str, Any]]:
    """The blocks; `...` stands for the rest of a list, or of a text."""
    blocks = re.findall(r"^```json\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    texts = [re.sub(r",\s*\.\.\.\]", "]", block) for block in blocks]
    return [json.loads(re.sub(r'"(\w+)": "([A-Za-z0-9+/]+)\.\.\."', whole, text)) for text in texts]


def test_there_is_an_example_of_every_message() -> None:
    assert len(examples()) == len(IN_ORDER)


@pytest.mark.parametrize("number", range(len(IN_ORDER)), ids=[model.__name__ for model in IN_ORDER])
def test_an_example_reads_back_as_it_is_written(number: int) -> None:
    example = examples()[number]
    assert IN_ORDER[number].model_validate(example).model_dump(mode="json") == example


def test_they_are_of_masked_rounds_and_of_one_exchange() -> None:
    accepted, start, reply, evaluate, close, closed = examples()
    assert accepted["counts"] is None
    assert start["joins"] == [accepted["join"]]
    assert accepted["join"]["specification_sha256"] == start["specification_sha256"] == evaluate["specification_sha256"]
    assert evaluate["round"] == reply["round"]
    assert evaluate["previous"] is None
    assert len(evaluate["psi"]) == len(close["psi"])
    assert all(message["proof"] for message in (evaluate, close))
    assert closed["signature"]


def test_every_refusal_by_the_rule_of_masking_stands_on_the_page() -> None:
    release = Path(__file__).parents[2] / "site_node" / "release"
    exchange = (release / "exchange.py").read_text(encoding="utf-8")
    codes = set(re.findall(r'_refused\(\s*"[^"]+",\s*(?:_AGAIN|"[^"]+"),\s*"(\w+)"\)', exchange))
    codes |= set(re.findall(r'code="(\w+)"', (release / "masking.py").read_text(encoding="utf-8")))
    told = SECTION.split("refusals by rule `masking`: ")[1]
    assert set(re.findall(r"`(\w+)`", told)) == codes - {"masks"}
