"""Runs every benchmark, or the ones that are named."""

import sys
from importlib import import_module
from pkgutil import iter_modules

import benchmarks


def run(wanted: list[str]) -> None:
    known = sorted(module.name for module in iter_modules(benchmarks.__path__) if not module.name.startswith("_"))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(known)}.")
    for name in wanted or known:
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    run(sys.argv[1:])
