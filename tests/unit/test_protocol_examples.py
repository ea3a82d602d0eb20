"""Every example in docs/protocol.md is a message that the code takes and writes, with every field there is."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from coordinator.views import AnalysisView
from shared.messages import (
    About,
    Accepted,
    CloseReply,
    CloseRequest,
    EvaluateReply,
    EvaluateRequest,
    PrepareRequest,
    Problem,
    StartReply,
    StartRequest,
)
from shared.request import AnalysisRequest

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
IN_ORDER: list[type[BaseModel]] = [
    About,
    PrepareRequest,
    Accepted,
    StartRequest,
    StartReply,
    EvaluateRequest,
    EvaluateReply,
    CloseRequest,
    CloseReply,
    Problem,
    AnalysisRequest,
    AnalysisView,
]


def examples() -> list[str]:
    """The indented blocks that begin with a brace; a line `...` stands for what is left out."""
    blocks = re.findall(r"^    \{.*\n(?:^    .*\n)*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r",\s*\.\.\.\]", "]", block) for block in blocks]


def test_there_is_an_example_of_every_message() -> None:
    assert len(examples()) == len(IN_ORDER)


@pytest.mark.parametrize("number", range(len(IN_ORDER)), ids=[model.__name__ for model in IN_ORDER])
def test_an_example_reads_back_as_it_is_written(number: int) -> None:
    example, model = examples()[number], IN_ORDER[number]
    assert model.model_validate_json(example).model_dump(mode="json") == json.loads(example)


def test_gradients_and_triangles_of_the_examples_fit() -> None:
    start = StartReply.model_validate_json(examples()[IN_ORDER.index(StartReply)]).start
    reply = EvaluateReply.model_validate_json(examples()[IN_ORDER.index(EvaluateReply)])
    asked = EvaluateRequest.model_validate_json(examples()[IN_ORDER.index(EvaluateRequest)])
    assert start.contribution().quadratics[0].size == len(asked.psi)
    assert reply.contribution.contribution().size == len(asked.psi)


def test_the_counts_of_a_level_follow_from_the_example_as_the_page_says() -> None:
    reply = EvaluateReply.model_validate_json(examples()[IN_ORDER.index(EvaluateReply)]).contribution
    contribution = reply.contribution()
    mean, rows = 0.3719, 20
    assert -contribution.hessian[1, 1] / (mean * (1 - mean)) == pytest.approx(rows, abs=0.01)
    assert contribution.gradient[1] + rows * mean == pytest.approx(9, abs=0.01)
