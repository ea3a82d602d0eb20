"""python gpboost_fit.py FILE n p: FILE holds float64 columns y, g, x1..xp. Prints one JSON object.

Run by an interpreter that has GPBoost, which need not be the project's.
"""

import json
import os
import sys
import time
from importlib.metadata import version

import gpboost
import numpy as np

TO_CONVERGENCE = {"delta_rel_conv": 1e-10, "maxit": 10_000}


def main() -> None:
    path, n, p = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    values = np.fromfile(path).reshape(p + 2, n)
    X = np.column_stack([np.ones(n), values[2:].T])
    y, group = values[0].copy(), values[1].astype(np.int64)
    began = time.perf_counter()
    model = gpboost.GPModel(group_data=group, likelihood="bernoulli_logit")
    model.fit(y=y, X=X, params=TO_CONVERGENCE)
    seconds = time.perf_counter() - began
    told = {"seconds": seconds, "log_likelihood": -float(model.get_current_neg_log_likelihood())}
    what = f"GPBoost {version('gpboost')}, delta_rel_conv 1e-10, {os.cpu_count()} threads"
    print(json.dumps(told | {"what": what}))


if __name__ == "__main__":
    main()
