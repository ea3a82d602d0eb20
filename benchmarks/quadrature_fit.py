"""A whole fit by quadrature with 25 points, through HTTP on loopback, beside glmer with nAGQ = 25.

Counted as in whole_fit.py: from the request to the result, ten sites in processes of their own.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.engines.pooled import fits, write_pooled
from benchmarks.loopback import loopback
from benchmarks.measured import table, verdict
from benchmarks.simulated import simulate, write_sites

ROWS, COLUMNS, GROUPS, SITES, POINTS = 100_000, 20, 50, 10, 25
REPEATS = 3
AT_LEAST = 100.0
"""Times our own time that glmer takes."""


def main() -> None:
    data = simulate(ROWS, COLUMNS, GROUPS)
    request = {"formula": data.formula, "family": "binomial", "quadrature_points": POINTS}
    with TemporaryDirectory(prefix="fedglmm-bench-", dir="/var/tmp") as folder:
        place = Path(folder)
        with loopback(place, write_sites(place / "sites", data, SITES)) as running:
            measured = sorted((running.fit(request) for _ in range(REPEATS)), key=lambda pair: pair[0])
        taken, result = measured[REPEATS // 2]
        write_pooled(place / "pooled.bin", data)
        (glmer,) = fits(place / "pooled.bin", data, ["glmer25"])
    print(f"## Quadrature with {POINTS} points: {ROWS:,} rows, {COLUMNS} columns, {GROUPS} groups, {SITES} sites\n")
    own = result["glance"]["logLik"]
    rounds = result["convergence"]["rounds"]
    lines = [("fedglmm", f"{taken:.2f}", "1", "", f"{own:.6f}", f"{rounds} rounds; median of {REPEATS} fits")]
    if glmer.seconds is None or glmer.log_likelihood is None:
        lines.append((glmer.engine, "", "", "", "", glmer.what))
    else:
        ratio = glmer.seconds / taken
        target = verdict(ratio, at_least=AT_LEAST)
        lines.append(
            (glmer.engine, f"{glmer.seconds:.2f}", f"{ratio:.0f}", target, f"{glmer.log_likelihood:.6f}", glmer.what)
        )
    print(table(("engine", "seconds", "times as long", "target", "log-likelihood", "what it is"), lines))
