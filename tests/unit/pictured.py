"""Results with estimates made up for the plots, and what an SVG says."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"
Numbers = tuple[float | None, float | None, float | None]
"""An estimate and its interval."""


def result(
    fixed: Mapping[str, Numbers],
    *,
    sites: Mapping[str, Numbers] | None = None,
    random: Sequence[tuple[str, str, Numbers]] = (),
    family: str = "binomial",
    link: str = "logit",
    outcome: str = "converged",
    sd: float | None = None,
) -> dict[str, Any]:
    """The parts of a canonical result that plots read; `random` are groups and terms of its random part."""
    rows = [_row("fixed", None, None, term, numbers) for term, numbers in fixed.items()]
    rows += [_row("ran_pars", group, None, term, numbers) for group, term, numbers in random]
    rows += [_row("ran_vals", "site", site, "(Intercept)", numbers) for site, numbers in (sites or {}).items()]
    identity = [[1.0 if k == j else 0.0 for j in range(len(fixed))] for k in range(len(fixed))]
    return {
        "formula": "death ~ treatment + (1 | site)",
        "family": family,
        "link": link,
        "tidy": rows,
        "vcov": {"names": list(fixed), "matrix": identity},
        "convergence": {"outcome": outcome, "advice": "", "trace": []},
        "specification": {"confidence_level": 0.95, "random": [{"group": "site", "sd": sd}]},
    }


def _row(effect: str, group: str | None, level: str | None, term: str, numbers: Numbers) -> dict[str, Any]:
    named = {"effect": effect, "group": group, "level": level, "term": term}
    return named | dict(zip(("estimate", "conf.low", "conf.high"), numbers, strict=True))


class Picture:
    """An SVG, taken apart."""

    def __init__(self, svg: str) -> None:
        self.root = ET.fromstring(svg)  # noqa: S314 -- it was made here
        self.width, self.height = (float(self.root.attrib[name]) for name in ("width", "height"))

    def all(self, name: str, class_: str | None = None) -> list[ET.Element]:
        """Every element of that name, and of that class."""
        return [one for one in self.root.iter(SVG + name) if class_ is None or class_ in one.get("class", "").split()]

    @property
    def texts(self) -> list[str]:
        """What is written, in order."""
        return [one.text or "" for one in self.all("text")]

    @property
    def rows(self) -> list[ET.Element]:
        """The elements that carry numbers."""
        return self.all("g", "row")

    @property
    def ticks(self) -> list[tuple[float, ET.Element, ET.Element]]:
        """Of each tick its number, its line and its label."""
        found = [one for one in self.root.iter(SVG + "g") if "data-tick" in one.attrib]
        return [(float(one.attrib["data-tick"]), one[0], one[1]) for one in found]

    @property
    def description(self) -> str:
        """The picture in words."""
        return self.all("desc")[0].text or ""


def of_row(row: ET.Element, name: str) -> ET.Element | None:
    """The first of a row's marks of that class."""
    return next((one for one in row if one.get("class") == name), None)


def numbers_of(row: ET.Element, names: Iterable[str] = ("estimate", "low", "high")) -> Numbers:
    """The numbers that a row carries."""
    texts = [row.get(f"data-{name}") for name in names]
    estimate, low, high = (None if text is None else float(text) for text in texts)
    return estimate, low, high
