"""The heat map, the trace, every plot as a file of its own, and as PNG and PDF."""

import math
import re
import sys
from typing import Any

import numpy as np
import pytest

from coordinator.plots.catalogue import PlotName, plot
from coordinator.plots.convergence import convergence
from coordinator.plots.conversion import as_pdf, as_png
from coordinator.plots.correlation import DEEPEST, MOST_SHOWN, correlation, correlations_of
from coordinator.plots.style import STYLE
from coordinator.plots.svg import standalone
from shared.errors import SettingsError
from tests.unit.pictured import Picture, result

TRACE = [
    {"round": 1, "logLik": -120.0, "decrement": 4.0, "accepted": True, "seconds": 0.1},
    {"round": 2, "logLik": -150.0, "decrement": 4.0, "accepted": False, "seconds": 0.1},
    {"round": 3, "logLik": -100.0, "decrement": 1e-6, "accepted": True, "seconds": 0.1},
    {"round": 4, "logLik": -100.0, "decrement": 0.0, "accepted": True, "seconds": 0.1},
]
COVARIANCE = np.array([[4.0, 1.0, -1.2], [1.0, 1.0, 0.3], [-1.2, 0.3, 9.0]])


def whole() -> dict[str, Any]:
    """A result of which every plot shows something."""
    fixed = {"(Intercept)": (-2.0, -2.4, -1.6), "treatment": (-0.3, -0.4, -0.2), "age": (0.1, 0.0, 0.2)}
    random = [("site", "sd__(Intercept)", (0.5, 0.3, 0.7))]
    made = result(fixed, sites={"Bern": (0.1, 0.0, 0.2)}, random=random)
    made["vcov"]["matrix"] = COVARIANCE.tolist()
    made["convergence"]["trace"] = TRACE
    return made


def cells(picture: Picture) -> dict[tuple[str, str], float | None]:
    found: dict[tuple[str, str], float | None] = {}
    for row in picture.rows:
        estimate = row.get("data-estimate")
        found[row.attrib["data-row"], row.attrib["data-column"]] = None if estimate is None else float(estimate)
    return found


def test_a_cell_carries_its_correlation_and_shows_it_to_two_digits() -> None:
    made = whole()
    picture = Picture(correlation(made))
    names = made["vcov"]["names"]
    expected: dict[tuple[str, str], float] = {}
    roots = np.sqrt(COVARIANCE.diagonal())
    for k in range(3):
        expected |= {(names[k], names[j]): COVARIANCE[k, j] / roots[k] / roots[j] for j in range(k + 1)}
    assert cells(picture) == pytest.approx(expected)
    assert {"0.50", "\u22120.20", "0.10"} <= set(picture.texts)


def test_stronger_correlations_are_deeper_and_signs_differ_in_colour() -> None:
    tiles = {}
    for row in Picture(correlation(whole())).rows:
        for tile in row:
            if tile.get("class") in {"positive", "negative"}:
                tiles[float(row.attrib["data-estimate"])] = (tile.get("class"), float(tile.attrib["fill-opacity"]))
    assert [tiles[r][0] for r in sorted(tiles)] == ["negative", "positive", "positive"]
    depth = sorted((abs(r), opacity) for r, (_, opacity) in tiles.items())
    assert [opacity for _, opacity in depth] == sorted(opacity for _, opacity in depth)
    assert depth[-1][1] == pytest.approx(0.7 * 0.5)


def test_correlations_that_are_not_known_are_none() -> None:
    assert correlations_of([[4.0, None], [None, 1.0]]) == [[1.0, None], [None, 1.0]]
    assert correlations_of([[0.0, 0.0], [0.0, 1.0]]) == [[None, None], [None, 1.0]]
    made = whole()
    made["vcov"]["matrix"][2] = [None, None, None]
    picture = Picture(correlation(made))
    assert cells(picture)["age", "treatment"] is None
    assert "?" in picture.texts


@pytest.mark.parametrize("number", [1, 24, 25, MOST_SHOWN])
def test_the_heat_map_stays_on_its_canvas_for_any_number_of_estimates(number: int) -> None:
    picture = Picture(correlation(result({f"x{k}": (0.0, -1.0, 1.0) for k in range(number)})))
    assert len(picture.rows) == number * (number + 1) // 2
    for tile in picture.all("rect"):
        assert float(tile.get("x", 0.0)) + float(tile.attrib["width"]) <= picture.width
        assert float(tile.get("y", 0.0)) + float(tile.attrib["height"]) <= picture.height


def test_too_many_estimates_for_a_picture_are_said_to_be() -> None:
    made = result({f"x{k}": (0.0, -1.0, 1.0) for k in range(MOST_SHOWN + 1)})
    assert Picture(correlation(made)).texts[0].startswith(f"{MOST_SHOWN + 1} estimates are too many")


def points(picture: Picture, measure: str) -> dict[int, Any]:
    """A measure's marks by round."""
    return {int(row.attrib["data-round"]): row for row in picture.rows if row.get("data-measure") == measure}


def test_every_round_stands_where_the_axis_of_its_measure_has_it() -> None:
    picture = Picture(convergence(TRACE))
    for measure, place in (("logLik", float), ("decrement", math.log)):
        marks = points(picture, measure)
        assert [float(row.get("data-estimate")) for row in marks.values()] == [row[measure] for row in TRACE]
        circles = {number: row[1] for number, row in marks.items() if row[1].get("cy") is not None}
        xs = [float(circle.get("cx")) for circle in circles.values()]
        assert np.diff(xs) == pytest.approx(np.full(len(xs) - 1, xs[1] - xs[0]), abs=0.02)
        values = np.array([place(TRACE[number - 1][measure]) for number in circles])
        ys = np.array([float(circle.get("cy")) for circle in circles.values()])
        slope, intercept = np.polyfit(values, ys, 1)
        assert slope < 0.0  # upwards
        assert ys == pytest.approx(slope * values + intercept, abs=0.02)


def test_a_step_that_was_not_taken_is_hollow_and_a_decrement_of_zero_is_an_arrow_on_the_axis() -> None:
    picture = Picture(convergence(TRACE))
    marks = points(picture, "decrement")
    assert [marks[k][1].get("class") for k in (1, 2, 3, 4)] == ["estimate", "rejected", "estimate", "beyond"]
    assert "not accepted" in marks[2][0].text


@pytest.mark.parametrize("trace", [[], [TRACE[0]], [TRACE[0] | {"decrement": None, "logLik": None}]])
def test_a_trace_of_no_round_or_one_is_drawn_all_the_same(trace: list[dict[str, Any]]) -> None:
    picture = Picture(convergence(trace))
    assert (len(picture.rows) == 0) == (not trace or trace[0]["decrement"] is None)
    assert picture.texts


@pytest.mark.parametrize("name", PlotName)
def test_every_plot_is_an_image_with_a_name_and_a_description_and_no_colour_of_its_own(name: PlotName) -> None:
    svg = plot(name, whole())
    picture = Picture(svg)
    assert picture.root.get("role") == "img"
    for attribute, kind in (("aria-labelledby", "title"), ("aria-describedby", "desc")):
        (there,) = [one for one in picture.all(kind) if one.get("id")]
        assert picture.root.get(attribute) == there.get("id") == f"{name}-{kind}"
        assert there.text
    assert not {"style", "fill", "stroke"} & {key for one in picture.root.iter() for key in one.attrib}
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", svg)


@pytest.mark.parametrize("name", PlotName)
def test_every_class_of_a_plot_is_in_the_stylesheet(name: PlotName) -> None:
    used = {one for element in Picture(plot(name, whole())).root.iter() for one in element.get("class", "").split()}
    styled = set(re.findall(r"\.([a-z-]+)", STYLE))
    assert used - {"row", "key"} <= styled


def test_a_plot_that_stands_alone_is_the_same_with_the_stylesheet_in_it() -> None:
    svg = plot(PlotName.FOREST, whole())
    alone = Picture(standalone(svg))
    (style,) = alone.all("style")
    assert style.text == STYLE
    alone.root.remove(style)
    assert [one.attrib for one in alone.root.iter()] == [one.attrib for one in Picture(svg).root.iter()]


@pytest.mark.parametrize("name", PlotName)
def test_a_plot_is_converted_at_its_size_with_its_letters(name: PlotName) -> None:
    svg = plot(name, whole())
    png, picture = as_png(svg), Picture(svg)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    size = [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)]
    assert size == [math.ceil(2 * picture.width), math.ceil(2 * picture.height)]
    pdf = as_pdf(svg)
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf or b"/FontFile3" in pdf or b"/FontDescriptor" in pdf


def test_without_the_extra_the_remedy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    for convert in (as_png, as_pdf):
        with pytest.raises(SettingsError, match=r"need the extra `pictures`.*pip install '\.\[pictures\]'"):
            convert(plot(PlotName.FOREST, whole()))


def colours(dark: bool) -> dict[str, str]:
    """The fill of every selector, in the light form or in the dark one, which says only what differs."""
    light, _, other = STYLE.partition("@media screen and (prefers-color-scheme: dark) {")
    found: dict[str, str] = {}
    for text in [light, other.partition("@media print")[0]][: 2 if dark else 1]:
        for selectors, rules in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
            fill = re.search(r"(?<![\w-])fill: (#[0-9a-f]{6})", rules)
            found |= {one.strip().replace(":not(.ink)", ""): fill[1] for one in selectors.split(",") if fill}
    return found


def channels(colour: str) -> np.ndarray:
    return np.array([int(colour[k : k + 2], 16) / 255.0 for k in (1, 3, 5)])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG 2.2's contrast ratio of two colours."""

    def luminance(rgb: np.ndarray) -> float:
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_can_be_read_on_the_paper_and_in_the_deepest_cell(*, dark: bool) -> None:
    """With the contrast that WCAG asks for in small letters."""
    fill = colours(dark)
    texts = {name: colour for name, colour in fill.items() if name.startswith(".plot text")}
    assert {".plot text", ".plot text.tick", ".plot text.axis-name", ".plot text.note", ".plot text.ink"} == set(texts)
    for background in (".plot .paper", ".plot .stripe"):
        for colour in texts.values():
            assert contrast(channels(colour), channels(fill[background])) >= 4.5
    for sign in (".plot .positive", ".plot .negative"):
        deepest = DEEPEST * channels(fill[sign]) + (1.0 - DEEPEST) * channels(fill[".plot .cell"])
        assert contrast(channels(texts[".plot text.ink"]), deepest) >= 4.5
