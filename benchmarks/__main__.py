"""Runs every benchmark, or the ones that are named, and says on which machine; with --small the whole fit takes 1e5 rows."""

import sys
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import benchmarks
from benchmarks.machine import description


def known() -> dict[str, ModuleType]:
    """The modules of this folder that have a `main`; the others are what they share."""
    names = sorted(found.name for found in iter_modules(benchmarks.__path__) if not found.name.startswith("_"))
    modules = {name: import_module(f"benchmarks.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "main")}


def run(wanted: list[str]) -> None:
    """Runs them; the machine is described before all of them, and not before one whose output is a page of its own."""
    modules = known()
    unknown = [name for name in wanted if name not in modules]
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(modules)}.")
    if not wanted:
        print(description(), flush=True)
    for name in wanted or modules:
        modules[name].main()


if __name__ == "__main__":
    run([argument for argument in sys.argv[1:] if not argument.startswith("--")])
