"""A large Parquet file to a ready design, beside DuckDB's own scans of the same columns; each in a process of its own."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np

from benchmarks.measured import forget_peak, peak_megabytes, resident_megabytes, seconds, table
from benchmarks.simulated import SEED
from coordinator.request import resolve
from shared.dictionary import Dictionary, Variable
from shared.parameters import Vector
from shared.request import AnalysisRequest
from site_node.data.design import build
from site_node.data.reading import open_columns, read_columns
from site_node.data.sources import fingerprint
from site_node.estimation.rows import Index

ROWS, NUMBERS = 10_000_000, 6
LEVELS = {"f1": ("a", "b", "c"), "f2": ("north", "south", "east", "west", "abroad")}
NAMES = (*(f"x{j}" for j in range(1, NUMBERS + 1)), *LEVELS, "y")
FORMULA = f"y ~ {' + '.join(NAMES[:-1])} + (1 | site)"
DICTIONARY = Dictionary(
    variables=(
        *(Variable(name=f"x{j}", type="number") for j in range(1, NUMBERS + 1)),
        *(Variable(name=name, type="factor", levels=levels) for name, levels in LEVELS.items()),
        Variable(name="y", type="integer"),
    )
)


def write(path: Path, rows: int) -> None:
    """Normal columns, two factors as text, a 0/1 response."""
    rng = np.random.default_rng(SEED)
    with duckdb.connect() as connection:
        given: dict[str, Vector | Index] = {f"x{j}": rng.normal(size=rows) for j in range(1, NUMBERS + 1)}
        given |= {name: rng.integers(0, len(levels), rows) for name, levels in LEVELS.items()}
        given["y"] = rng.integers(0, 2, rows)
        connection.register("given", given)
        texts = [f"{list(levels)}[{name} + 1] AS {name}" for name, levels in LEVELS.items()]
        columns = ", ".join([*(name for name in NAMES if name not in LEVELS), *texts])
        connection.execute(f"COPY (SELECT {columns} FROM given) TO '{path}' (FORMAT parquet)")  # noqa: S608 -- our own names


def summed(path: Path) -> None:
    """DuckDB reads every column and keeps nothing."""
    sums = ", ".join(f"max({name})" if name in LEVELS else f"sum({name})" for name in NAMES)
    duckdb.read_parquet(str(path)).aggregate(sums).fetchall()


def fetched(path: Path) -> None:
    """DuckDB reads every column and hands it to NumPy, the factors as codes."""
    codes = [f"list_position({list(levels)}, {name}) AS {name}" for name, levels in LEVELS.items()]
    columns = ", ".join([*(name for name in NAMES if name not in LEVELS), *codes])
    duckdb.read_parquet(str(path)).project(columns).fetchnumpy()


def read(path: Path) -> None:
    """The columns as a site reads them."""
    read_columns(path, DICTIONARY.variables)


def designed(path: Path) -> None:
    """The site's whole preparation: the file's fingerprint, its columns, X, Z, y and the counts of the policy."""
    specification = resolve(AnalysisRequest(formula=FORMULA, family="binomial"), DICTIONARY, ["one"])
    fingerprint(path, b"secret")
    with open_columns(path) as columns:
        build(specification, DICTIONARY, columns)


def hashed(path: Path) -> None:
    """The file's fingerprint alone."""
    fingerprint(path, b"secret")


WORKS: dict[str, Callable[[Path], None]] = {
    "DuckDB sums the columns": summed,
    "DuckDB hands the columns to NumPy": fetched,
    "a site's fingerprint of the file": hashed,
    "a site's columns": read,
    "a site's ready design: fingerprint, columns, design, counts": designed,
}


def apart(work: Callable[[Path], None], path: Path) -> tuple[float, float]:
    """Seconds, and the growth of the peak memory over what the imports take, in a fresh process."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_measured, args=(work, path, theirs))
    process.start()
    theirs.close()
    taken, grown = mine.recv()
    process.join()
    return taken, grown


def _measured(work: Callable[[Path], None], path: Path, told: Connection) -> None:
    pid = os.getpid()
    forget_peak(pid)
    before = resident_megabytes(pid)
    taken = seconds(lambda: work(path))
    told.send((taken, peak_megabytes(pid) - before))


def main(*, rows: int = ROWS) -> None:
    with TemporaryDirectory(prefix="fedglmm-bench-", dir="/var/tmp") as folder:
        path = Path(folder) / "data.parquet"
        write(path, rows)
        size = path.stat().st_size / 2**20
        measured = {name: apart(work, path) for name, work in WORKS.items()}
    design = rows * (1 + NUMBERS + sum(len(levels) - 1 for levels in LEVELS.values()) + 1) * 8 / 2**20
    scan = measured["DuckDB hands the columns to NumPy"][0]
    print(f"## Reading: {rows:,} rows x {len(NAMES)} columns, a Parquet file of {size:.0f} MB\n")
    lines = [(name, f"{taken:.2f}", f"{taken / scan:.1f}", f"{grown:.0f}") for name, (taken, grown) in measured.items()]
    print(table(("what", "seconds", "times DuckDB's to NumPy", "peak memory over the idle process, MB"), lines))
    print(f"The design itself (X and Z as float64) is {design:.0f} MB.\n", flush=True)


if __name__ == "__main__":
    main()
