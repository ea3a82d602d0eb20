"""A canonical result as a file, read with suspicion: what is no result is refused with the place in it and what to do."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coordinator.client.estimates import EFFECTS, GLANCE, TIDY
from shared.errors import FedglmmError
from shared.optimisation.outcome import OutcomeKind

EXPORT = "Give a file that `fit.save` or `fedglmm export` wrote."
_SHAPE: Mapping[str, Mapping[str, type]] = {
    "": dict.fromkeys(("title", "formula", "family", "link"), str)
    | dict.fromkeys(("tidy", "roster", "warnings"), list)
    | dict.fromkeys(("glance", "vcov", "convergence", "specification", "software"), dict),
    "vcov": {"names": list, "matrix": list},
    "glance": {"ngrps": dict},
    "convergence": {"outcome": str, "advice": str, "rounds": int, "trace": list, "quadrature": dict},
    "specification": {"random": list, "response": dict, "confidence_level": float, "reml": bool},
}
"""What a result has to be read at all: by object, its fields."""
_JSON = {str: "a text", list: "a list", dict: "an object", int: "a number", float: "a number", bool: "true or false"}


class ResultFileError(FedglmmError):
    """The file is no result, or cannot be read or written."""

    code = "result_file"


def as_text(result: Mapping[str, Any]) -> str:
    """The canonical result as JSON that people can read, without a trailing newline."""
    return json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)


def write(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result; a file that is there is replaced.

    Raises:
        ResultFileError: it cannot be written.
    """
    write_text(path, as_text(result) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text as it is.

    Raises:
        ResultFileError: it cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise ResultFileError(f"the file cannot be written: {error.strerror}.", where=str(path)) from None


def read(path: Path) -> dict[str, Any]:
    """The result in a file.

    Raises:
        ResultFileError: it cannot be read, or is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise ResultFileError(f"the file cannot be read: {error.strerror}.", where=str(path), remedy=EXPORT) from None
    except UnicodeDecodeError:
        raise ResultFileError("the file is no text.", where=str(path), remedy=EXPORT) from None
    except json.JSONDecodeError as error:
        place = f"{path}: line {error.lineno}, column {error.colno}"
        raise ResultFileError("this is no JSON.", where=place, remedy=EXPORT) from None
    except (ValueError, RecursionError):
        raise ResultFileError("it holds what is no number or nests too deep.", where=str(path), remedy=EXPORT) from None
    if place := _first_fault(found):
        raise ResultFileError("it is no result of an analysis.", where=f"{path}: {place}", remedy=EXPORT)
    return dict(found)


def _no_number(text: str) -> float:
    raise ValueError(text)


def _first_fault(found: Any) -> str:
    """The first place that is not as a result has it, with what belongs there; empty if there is none."""
    if not isinstance(found, dict):
        return f"the whole of it is not {_JSON[dict]}"
    for name, shape in _SHAPE.items():
        if fault := _unlike(found[name] if name else found, shape, f"{name}." if name else ""):
            return fault
    if missing := [name for name in GLANCE if name not in found["glance"]]:
        return f"glance.{missing[0]} is missing"
    if found["convergence"]["outcome"] not in set(OutcomeKind):
        return "convergence.outcome is no ending of an estimation"
    return next((f"tidy, row {k}" for k, row in enumerate(found["tidy"], start=1) if not _is_row(row)), "")


def _unlike(found: Mapping[str, Any], shape: Mapping[str, type], inside: str) -> str:
    for name, kind in shape.items():
        if name not in found:
            return f"{inside}{name} is missing"
        if not isinstance(found[name], (int, float) if kind is float else kind):
            return f"{inside}{name} is not {_JSON[kind]}"
    return ""


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or set(row) < set(TIDY) or row["effect"] not in EFFECTS:
        return False
    numbers = [row[name] for name in TIDY[4:]]
    return isinstance(row["term"], str) and all(value is None or isinstance(value, (int, float)) for value in numbers)
