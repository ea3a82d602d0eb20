"""The benchmarks can be run and measure what they say; how fast anything is, is not asked here."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import masking, memory, protocol_overhead, reading, scaling
from benchmarks.__main__ import known, run
from benchmarks.engines import pooled
from benchmarks.measured import forget_peak, peak_megabytes, resident_megabytes, verdict
from benchmarks.simulated import simulate, write_parquet
from shared.dictionary import Variable
from site_node.data.reading import read_columns


def test_a_benchmark_is_a_module_that_has_a_main() -> None:
    measured = {
        *("leverage", "masking", "memory", "model_class", "policy", "protocol_overhead", "quadrature_fit", "reading"),
        *("client_import", "pages", "rounds", "scaling", "site_round", "whole_fit"),
    }
    assert set(known()) == measured


@pytest.mark.parametrize("wanted", [[], ["rounds"], ["memory", "rounds"]])
def test_a_number_of_rows_is_only_for_benchmarks_that_are_named_and_have_one(wanted: list[str]) -> None:
    with pytest.raises(SystemExit, match="Name what --rows is for: memory, reading, whole_fit"):
        run(wanted, rows=10)


def test_the_peak_of_a_process_is_seen_after_the_memory_is_given_back() -> None:
    pid = os.getpid()
    forget_peak(pid)
    before = resident_megabytes(pid)
    np.ones(8 * 2**20).sum()
    assert peak_megabytes(pid) - before > 60
    assert resident_megabytes(pid) - before < 30


def test_a_target_is_met_or_missed_at_its_own_value() -> None:
    assert verdict(1.5, at_most=1.5).endswith("met")
    assert verdict(1.6, at_most=1.5).endswith("missed")
    assert verdict(60, at_least=60).endswith("met")
    assert verdict(59, at_least=60).endswith("missed")


def test_every_simulated_row_belongs_to_one_site_with_all_of_its_group() -> None:
    data = simulate(1_000, 3, 20)
    parts = [data.part(k, 4) for k in range(4)]
    assert sum(len(part.y) for part in parts) == 1_000
    groups = [set(part.group.tolist()) for part in parts]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_the_rows_in_a_file_are_those_that_were_simulated(tmp_path: Path) -> None:
    data = simulate(500, 2, 5)
    write_parquet(tmp_path / "data.parquet", data.columns())
    read = read_columns(tmp_path / "data.parquet", [Variable(name="x2", type="number")])
    assert np.array_equal(read.numbers["x2"], data.X[:, 1])


def test_a_rounds_length_is_from_the_first_beginning_to_the_next_ones(tmp_path: Path) -> None:
    def answered(number: int, second: float, seconds: float) -> str:
        stamp = f"2026-01-01T00:00:{second:09.6f}Z"
        return json.dumps(
            {"event": "answered", "analysis": "a", "round": number, "timestamp": stamp, "seconds": seconds}
        )

    (tmp_path / "a.log").write_text("\n".join([answered(1, 1.5, 0.25), answered(2, 3.0, 0.5)]), encoding="utf-8")
    (tmp_path / "b.log").write_text("\n".join([answered(1, 2.0, 0.5), answered(2, 3.25, 0.25)]), encoding="utf-8")
    ((length, slowest),) = protocol_overhead.cycles([tmp_path / "a.log", tmp_path / "b.log"])
    assert length == pytest.approx(1.25)
    assert slowest == 0.5


def test_sites_in_process_give_the_coordinator_a_whole_fit() -> None:
    own, site = protocol_overhead.in_process(2, 2)
    assert own > 0
    assert min(site.request_bytes, site.reply_bytes) > 100


def test_a_masked_round_is_measured_over_a_fit_that_all_sites_sums_lead_to_its_end() -> None:
    numbers, cost = masking.measure(3, 2, fits=1)
    assert numbers == 3 + 4 + 10
    assert min(cost.checking, cost.answering, cost.disk, cost.unmasked) > 0
    assert cost.up > 16 * numbers
    assert cost.down > 2 * (32 + 16 * numbers)  # both siblings on the way from the first of three leaves


def test_the_memory_of_a_site_is_measured_in_every_phase() -> None:
    phases = memory.measure(simulate(2_000, 3, 20))
    assert [name for name, _, _ in phases] == ["prepare", "start", "round 1", "round 2", "round 3", "close"]


def test_the_exponent_of_a_cubic_is_three() -> None:
    assert scaling.exponent((10, 100, 1_000), [1.0, 1e3, 1e6]) == pytest.approx(3)


def test_a_design_is_read_in_a_process_of_its_own(tmp_path: Path) -> None:
    reading.write(tmp_path / "data.parquet", 1_000)
    taken, grown = reading.apart(reading.designed, tmp_path / "data.parquet")
    assert taken > 0
    assert grown >= 0


def test_an_engine_that_is_not_installed_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(pooled.GPBOOST_PYTHON, raising=False)
    monkeypatch.delenv(pooled.RSCRIPT, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    found = pooled.fits(tmp_path / "pooled.bin", simulate(100, 1, 5))
    assert [engine.what for engine in found] == ["not installed"] * 3
