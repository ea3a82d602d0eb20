"""A canonical result as a file, read with suspicion: what is no result is refused with the place in it and what to do."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coordinator.client.canonical import fault_in
from shared.errors import FedglmmError

EXPORT = "Give a file that `fit.save` or `fedglmm export` wrote."
WRITABLE = "Name a file in a folder that is there and that you may write to."


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
        raise ResultFileError(
            f"the file cannot be written: {error.strerror}.", where=str(path), remedy=WRITABLE
        ) from None


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
    if (fault := fault_in(found)) is not None:
        message = f"it is no result of an analysis: {fault.message}"
        raise ResultFileError(message, where=fault.where_in(path), remedy=EXPORT)
    return dict(found)


def _no_number(text: str) -> float:
    raise ValueError(text)
