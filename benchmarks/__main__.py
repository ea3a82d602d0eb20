"""Runs every benchmark, or the ones that are named, and says on which machine; --rows N gives those that are named N rows."""

import sys
from argparse import ArgumentParser
from importlib import import_module
from inspect import signature
from pkgutil import iter_modules
from types import ModuleType

import benchmarks
from benchmarks.machine import description


def known() -> dict[str, ModuleType]:
    """The modules of this folder that have a `main`; the others are what they share."""
    names = sorted(found.name for found in iter_modules(benchmarks.__path__) if not found.name.startswith("_"))
    modules = {name: import_module(f"benchmarks.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "main")}


def run(wanted: list[str], rows: int | None = None) -> None:
    """Runs them; the machine is described before all of them, and not before one whose output is a page of its own.

    Args:
        wanted: their names; all of them unless there is one.
        rows: of the named ones, whose own number it replaces.
    """
    modules = known()
    unknown = [name for name in wanted if name not in modules]
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(modules)}.")
    sized = [name for name, module in modules.items() if "rows" in signature(module.main).parameters]
    if rows is not None and (not wanted or set(wanted) - set(sized)):
        sys.exit(f"Name what --rows is for: {', '.join(sized)}.")
    if not wanted:
        print(description(), flush=True)
    for name in wanted or modules:
        modules[name].main(**{} if rows is None else {"rows": rows})


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rows", type=int)
    told = parser.parse_args()
    run(told.names, told.rows)
