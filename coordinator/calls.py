"""The same request from a shell, from Python and from R: what a page's form says can be repeated without the page."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from shared.families import R_NAMES
from shared.request import AnalysisRequest

KEY_FILE = "analyst.key"
_R_ARGUMENTS = {"quadrature_points": "nAGQ", "reml": "REML"}
_R_FAMILIES = {name: r_name for r_name, name in R_NAMES.items() if name != "negative_binomial"}


def calls(request: AnalysisRequest, url: str, *, keyed: bool) -> Mapping[str, str]:
    """A program's text by what it is written in.

    Args:
        request: what it asks for.
        url: the coordinator's address.
        keyed: whether the coordinator asks for a key.
    """
    asked = asked_for(request)
    return {
        "curl": _curl(asked, url, keyed=keyed),
        "Python": _python(asked, url, keyed=keyed),
        "R": _r(asked, url, keyed=keyed),
    }


def asked_for(request: AnalysisRequest) -> dict[str, Any]:
    """The fields of a request that say something: the model, and what is not as it is by default."""
    said = request.model_dump(mode="json", exclude_defaults=True)
    return {"formula": request.formula, "family": request.family} | said


def _curl(asked: Mapping[str, Any], url: str, *, keyed: bool) -> str:
    lines = [f"curl -sL {shlex.quote(f'{url}/v1/analyses')} -H 'Content-Type: application/json' -H 'Prefer: wait=60'"]
    if keyed:
        lines.append(f'-H "Authorization: Bearer $(cat {KEY_FILE})"')
    lines.append(f"-d {shlex.quote(json.dumps(asked, ensure_ascii=False))}")
    return " \\\n    ".join(lines)


def _python(asked: Mapping[str, Any], url: str, *, keyed: bool) -> str:
    options = "".join(f",\n        {name}={value!r}" for name, value in asked.items() if name != "formula")
    reading = [f"key = Path({KEY_FILE!r}).read_text()"] if keyed else []
    imports = ["from pathlib import Path", ""] if keyed else []
    lines = [
        *imports,
        "from coordinator.client import Coordinator",
        "",
        *reading,
        f"with Coordinator({url!r}{', key=key' if keyed else ''}) as coordinator:",
        f"    fit = coordinator.fit(\n        {asked['formula']!r}{options},\n    )",
        "print(fit.summary())",
    ]
    return "\n".join(lines)


def _r(asked: Mapping[str, Any], url: str, *, keyed: bool) -> str:
    options = "".join(f",\n  {name} = {value}" for name, value in _arguments_in_r(asked).items())
    key = f', key = readLines("{KEY_FILE}")' if keyed else ""
    lines = [
        "library(fedglmm)",
        f"coordinator <- fed_coordinator({_in_r(url)}{key})",
        f"fit <- fed_glmer(\n  {asked['formula']}{options},\n  coordinator = coordinator\n)",
        "summary(fit)",
    ]
    return "\n".join(lines)


def _arguments_in_r(asked: Mapping[str, Any]) -> dict[str, str]:
    """The arguments as R names them; a link that is not the family's own is said as R says it."""
    written = {_R_ARGUMENTS.get(name, name): _in_r(value) for name, value in asked.items()}
    if "link" in written:
        family = _R_FAMILIES.get(asked["family"], asked["family"])
        written["family"] = f"{family}(link = {written.pop('link')})"
    del written["formula"]
    return written


def _in_r(value: Any) -> str:
    """A value as R writes it; its texts have JSON's escapes."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, list):
        return f"c({', '.join(map(_in_r, value))})"
    return json.dumps(value, ensure_ascii=False)
