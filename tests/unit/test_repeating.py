"""What a page gives to repeat an analysis by asks for the same analysis."""

import ast
import json
import shlex

import pytest

from coordinator.calls import calls
from shared.request import AnalysisRequest

HARD = AnalysisRequest(
    formula='I(a == "it\'s") ~ x + (1 | site)',
    family="poisson",
    sites=("St. John's", "Zurich (2)"),
    quadrature_points="auto",
    title="$HOME `id` \\ 'quoted' in \"Zürich\"",
)
PLAIN = AnalysisRequest(formula="death ~ treatment + (1 | site)", family="binomial")
REQUESTS = pytest.mark.parametrize("request_", [PLAIN, HARD], ids=["plain", "hard"])
URL = "http://127.0.0.1:8000"


@REQUESTS
@pytest.mark.parametrize("keyed", [False, True])
def test_a_shell_reads_the_same_request(request_: AnalysisRequest, *, keyed: bool) -> None:
    words = shlex.split(calls(request_, URL, keyed=keyed)["curl"])
    assert words[:3] == ["curl", "-sL", f"{URL}/v1/analyses"]
    assert AnalysisRequest.model_validate(json.loads(words[words.index("-d") + 1])) == request_
    assert any("Bearer" in word for word in words) == keyed


@REQUESTS
@pytest.mark.parametrize("keyed", [False, True])
def test_python_reads_the_same_request(request_: AnalysisRequest, *, keyed: bool) -> None:
    tree = ast.parse(calls(request_, URL, keyed=keyed)["Python"])
    named = {
        node.func.attr: node for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "attr")
    }
    fit = named["fit"]
    options = {one.arg: ast.literal_eval(one.value) for one in fit.keywords}
    assert AnalysisRequest.model_validate({"formula": ast.literal_eval(fit.args[0])} | options) == request_


@REQUESTS
def test_r_gets_the_formula_as_it_is_and_the_rest_as_its_own_values(request_: AnalysisRequest) -> None:
    text = calls(request_, URL, keyed=True)["R"]
    assert f"\n  {request_.formula},\n" in text
    assert f'family = "{request_.family}"' in text
    if request_ is HARD:
        assert """sites = c("St. John's", "Zurich (2)")""" in text
        assert r"""title = "$HOME `id` \\ 'quoted' in \"Zürich\"""" in text


def test_r_is_asked_as_r_asks() -> None:
    request = AnalysisRequest(
        formula="y ~ x", family="gamma", link="inverse", quadrature_points="auto", sites=("A", "B")
    )
    text = calls(request, "http://127.0.0.1:8000", keyed=False)["R"]
    assert (
        'family = Gamma(link = "inverse"),\n  nAGQ = "auto",\n  sites = c("A", "B"),\n  coordinator = coordinator'
        in text
    )
    assert (
        'family = "gaussian",\n  REML = TRUE'
        in calls(AnalysisRequest(formula="y ~ x", family="gaussian", reml=True), "http://127.0.0.1:8000", keyed=False)[
            "R"
        ]
    )
