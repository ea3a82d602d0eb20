"""A masked federation: the same estimates, nothing readable of a site, and the same bits over restarts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.consortium import FILE_NAME, read_consortium
from shared.masking.result import Signed
from shared.masking.session import Join
from site_node.release.policy import PolicyName
from tests.federation.made_up import DICTIONARY, made_up
from tests.federation.real_sites import Heard, coordinator_of, ended, real_sites

pytestmark = pytest.mark.anyio
MODELS: list[dict[str, Any]] = [
    {"formula": "d ~ x + (1 | site)"},
    {"formula": "d ~ x + (1 | site) + (1 | clinic)"},
    {"formula": "k ~ x + (1 + x | site)", "family": "poisson"},
    {"formula": "d ~ x + (1 | clinic)", "quadrature_points": "auto"},
    {"formula": "y ~ x + (1 | site) + (1 | clinic)", "family": "gaussian"},
    {"formula": "y ~ x + (1 + x | site)", "family": "gaussian", "reml": True},
    {"formula": "k ~ x", "family": "negative_binomial"},
]


def sites(folder: Path, *, masked: bool, policy: PolicyName = "open") -> dict[str, Heard]:
    folder.mkdir(exist_ok=True)
    return real_sites(folder, DICTIONARY, made_up(sites=3).tables(), policy, masked=masked)


async def fitted(folder: Path, request: dict[str, Any], **options: Any) -> tuple[dict[str, Heard], dict[str, Any]]:
    made = sites(folder, **options)
    view = await ended(coordinator_of(folder, made), **request)
    assert view["ended_with"], view["problem"]
    return made, view["ended_with"]


@pytest.mark.parametrize("request_", MODELS, ids=lambda request: request["formula"])
async def test_masks_change_no_estimate(request_: dict[str, Any], tmp_path: Path) -> None:
    """To 1e-9 of a standard error: both fits stop below a decrement of 1e-20, and sums are exact."""
    precise = request_ | {"tolerance": 1e-20}
    _, masked = await fitted(tmp_path / "masked", precise, masked=True)
    _, unmasked = await fitted(tmp_path / "open", precise, masked=False)
    assert masked["specification"]["masked"]
    assert masked["convergence"]["outcome"] == unmasked["convergence"]["outcome"]
    assert masked["glance"] | {"logLik": 0, "AIC": 0, "BIC": 0, "deviance": 0, "sigma": 0, "dispersion": 0} == unmasked[
        "glance"
    ] | {"logLik": 0, "AIC": 0, "BIC": 0, "deviance": 0, "sigma": 0, "dispersion": 0}
    for one, other in zip(masked["tidy"], unmasked["tidy"], strict=True):
        assert abs(one["estimate"] - other["estimate"]) <= 1e-9 * (one["std.error"] or 1.0)


async def test_nothing_readable_of_a_site_crosses_the_wire_under_the_default_policy(tmp_path: Path) -> None:
    """Of masked numbers every byte is as likely as any other: neither small nor alike from round to round."""
    made, result = await fitted(tmp_path, MODELS[0], masked=True, policy="default")
    assert {row["rows"] for row in result["roster"]} == {None}
    assert not [row for row in result["tidy"] if row["effect"] == "ran_vals"]
    for heard in made.values():
        for path, _, answer in heard.messages:
            if path == "contributions":
                assert set(answer) == {"kind", "round", "numbers"}
            if path == "prepare":
                assert answer["counts"] is None
                assert set(answer["join"]) == set(Join.model_fields)
            if path == "close":
                assert answer["site_effect"] is None
    answers = [
        answer["numbers"] for heard in made.values() for path, _, answer in heard.messages if path == "contributions"
    ]
    assert len(set(answers)) == len(answers)


async def test_the_result_is_countersigned_by_every_site_and_by_no_other_psi(tmp_path: Path) -> None:
    made, result = await fitted(tmp_path, MODELS[1], masked=True)
    consortium = read_consortium(tmp_path / FILE_NAME)
    assert set(result["countersigned"]["signatures"]) == set(made)
    signed = Signed.model_validate(result["countersigned"]["signed"])
    assert signed.psi[:2] == tuple(row["estimate"] for row in result["tidy"][:2])
    for site, signature in result["countersigned"]["signatures"].items():
        assert signed.is_signed_by(site, consortium, signature)
        for changed in ({"psi": (0.0, *signed.psi[1:])}, {"outcome": "separated"}, {"root": "0" * 64}):
            assert not signed.model_copy(update=changed).is_signed_by(site, consortium, signature)


async def test_a_coordinator_without_the_file_gets_no_numbers_from_a_member(tmp_path: Path) -> None:
    made = sites(tmp_path, masked=True, policy="default")
    (tmp_path / FILE_NAME).rename(tmp_path / "elsewhere")
    view = await ended(coordinator_of(tmp_path, made), **MODELS[0])
    assert view["state"] == "failed"
    assert {problem["where"] for problem in view["problems"]} == set(made)
    assert {problem["message"] for problem in view["problems"]} == {"it answers signed questions only."}


async def test_a_site_without_the_file_is_told_by_name(tmp_path: Path) -> None:
    made = sites(tmp_path, masked=True)
    made["S1"].settings = made["S1"].settings.model_copy(update={"consortium": None, "identity_file": None})
    made["S1"].restart()
    view = await ended(coordinator_of(tmp_path, made), **MODELS[0])
    assert view["state"] == "failed"
    assert [problem["where"] for problem in view["problems"]] == ["S1"]
    assert "not signed with its key in the consortium file" in view["problems"][0]["message"]


async def test_a_consortium_file_that_differs_is_refused_with_both_hashes(tmp_path: Path) -> None:
    made = sites(tmp_path, masked=True)
    other = tmp_path / "other.toml"
    other.write_text((tmp_path / FILE_NAME).read_text().replace("made up", "made otherwise"))
    made["S1"].settings = made["S1"].settings.model_copy(update={"consortium": other})
    made["S1"].restart()
    view = await ended(coordinator_of(tmp_path, made), **MODELS[0])
    assert view["state"] == "failed"
    (problem,) = view["problems"]
    assert problem["where"] == "S1"
    for file in (FILE_NAME, "other.toml"):
        assert read_consortium(tmp_path / file).sha256 in problem["message"]


async def test_a_column_too_large_to_be_added_up_is_refused_and_its_derived_variable_is_not(tmp_path: Path) -> None:
    """The remedy is one: the same rows in a larger unit, which the dictionary agrees on, have estimates."""
    agreed = [{"name": f"{name}_in_10_12", "type": "number", "derived": f"{name} / 10^12"} for name in ("x", "y")]
    made = real_sites(tmp_path, {"variables": [*DICTIONARY["variables"], *agreed]}, _huge(), masked=True)
    view = await ended(coordinator_of(tmp_path, made), formula="y ~ x", family="gaussian")
    assert view["state"] in {"refused", "failed"}
    assert {problem["code"] for problem in view["problems"]} == {"encoding"}
    assert all("derived variable in the dictionary" in problem["remedy"] for problem in view["problems"])
    view = await ended(coordinator_of(tmp_path, made), formula="y_in_10_12 ~ x_in_10_12", family="gaussian")
    assert view["state"] == "converged"


def _huge() -> list[str]:
    """Values around 10^12: the sum of their squares has no place below 2^63."""
    rng = np.random.default_rng(0)
    tables = []
    for _ in range(3):
        rows = "".join(f"{a},0,0,{b},c0,w0,u0\n" for a, b in rng.normal(size=(30, 2)) * 1e12)
        tables.append("y,d,k,x,clinic,ward,unit\n" + rows)
    return tables


@pytest.mark.parametrize("model", [MODELS[0], MODELS[3], MODELS[5]], ids=["Laplace", "auto", "REML"])
async def test_sites_that_restart_after_every_answer_end_with_the_same_bits(
    model: dict[str, Any], tmp_path: Path
) -> None:
    _, steady = await fitted(tmp_path / "steady", model, masked=True)
    made = sites(tmp_path / "shaken", masked=True)

    class Shaken(Heard):
        async def handle_async_request(self, request: Any) -> Any:
            response = await super().handle_async_request(request)
            if request.url.path.endswith("contributions"):
                self.restart()
            return response

    shaken = {name: Shaken(heard.settings) for name, heard in made.items()}
    view = await ended(coordinator_of(tmp_path / "shaken", shaken), **model)
    for part in ("tidy", "glance", "vcov_all"):
        assert view["ended_with"][part] == steady[part]
