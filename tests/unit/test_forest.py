"""Interval plots carry the result's numbers exactly, and draw them where their axis says."""

import math
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coordinator.client.ratios import ratio_name
from coordinator.plots.caterpillar import caterpillar
from coordinator.plots.forest import forest
from coordinator.plots.intervals import MOST_LABELLED
from coordinator.plots.lettering import width_of
from coordinator.plots.random_effects import random_effects
from shared.errors import RequestError
from shared.families import LINKS
from tests.unit.pictured import Numbers, Picture, numbers_of, of_row, result

Interval = tuple[float, float, float]
TREATED = {"(Intercept)": (-2.2, -2.4, -2.0), "treatmentnew": (-0.26061, -0.35837, -0.16286), "age": (0.1, 0.0, 0.2)}


@st.composite
def intervals(draw: st.DrawFn, largest: float = 1e6) -> Interval:
    estimate = draw(st.floats(-largest, largest))
    below, above = (draw(st.floats(0, largest)) for _ in range(2))
    return estimate, estimate - below, estimate + above


MANY = st.dictionaries(st.text(min_size=1, max_size=60), intervals(), min_size=1, max_size=12)
SMALL = st.dictionaries(st.text(min_size=1, max_size=9), intervals(largest=9.0), min_size=1, max_size=12)
GENERATED = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def held_to_the_axis(picture: Picture, *, is_log: bool = False) -> None:
    """Every mark inside the canvas, and at the place that the line through two ticks gives its number."""
    (first, one, _), *_, (last, other, _) = picture.ticks
    ends = float(one.attrib["x1"]), float(other.attrib["x1"])

    def at(number: float | None) -> float:
        assert number is not None
        value = math.log(number) if is_log else number
        return ends[0] + (value - first) / (last - first) * (ends[1] - ends[0])

    scale = abs(ends[1] - ends[0]) / (last - first)
    tolerance = 0.03 + 1e-9 * scale * max(abs(first), abs(last))
    for row in picture.rows:
        estimate, low, high = numbers_of(row)
        for mark in row.iter():
            for name in ("x", "x1", "x2"):
                assert 0.0 <= float(mark.get(name, 0.0)) <= picture.width
        square, line = of_row(row, "estimate"), of_row(row, "interval")
        if square is not None:
            middle = float(square.attrib["x"]) + float(square.attrib["width"]) / 2.0
            assert middle == pytest.approx(at(estimate), abs=2.0 * tolerance)
        if not [mark for mark in row if mark.get("class") == "beyond"]:
            assert line is not None
            assert float(line.attrib["x1"]) == pytest.approx(at(low), abs=2.0 * tolerance)
            assert float(line.attrib["x2"]) == pytest.approx(at(high), abs=2.0 * tolerance)


def ticks_do_not_overlap(picture: Picture) -> None:
    spans = []
    for _, line, label in picture.ticks:
        assert line.get("x1") == label.get("x")
        assert label.text is not None
        half = width_of(label.text, 12.0) / 2.0
        spans.append((float(label.attrib["x"]) - half, float(label.attrib["x"]) + half))
    assert all(left[1] < right[0] for left, right in pairwise(spans))


@GENERATED
@given(MANY)
def test_marks_lie_where_the_axis_has_their_numbers(fixed: dict[str, Numbers]) -> None:
    picture = Picture(forest(result(fixed), intercept=True))
    assert [numbers_of(row) for row in picture.rows] == list(fixed.values())
    assert 2 <= len(picture.ticks) <= 9
    ticks_do_not_overlap(picture)
    held_to_the_axis(picture)


@GENERATED
@given(SMALL)
def test_ratios_lie_on_a_logarithmic_axis(fixed: dict[str, Interval]) -> None:
    picture = Picture(forest(result(fixed), exponentiate=True, intercept=True))
    shown = [tuple(map(math.exp, numbers)) for numbers in fixed.values()]
    assert [numbers_of(row) for row in picture.rows] == shown
    ticks_do_not_overlap(picture)
    if len(picture.ticks) > 1:
        held_to_the_axis(picture, is_log=True)


@GENERATED
@given(SMALL)
@example({"x": (0.0, 0.0, 3.6e-289)})
def test_a_tick_is_labelled_with_its_own_number_and_is_round(fixed: dict[str, Numbers]) -> None:
    for value, _, label in Picture(forest(result(fixed), intercept=True)).ticks:
        written = (label.text or "").replace("\u2212", "-")
        assert float(written) == value
        digits = written.partition("e")[0]
        assert len(digits.lstrip("-0.").rstrip("0").replace(".", "")) <= 4


def test_the_numbers_stand_beside_the_marks_as_journals_print_them() -> None:
    texts = Picture(forest(result(TREATED), exponentiate=True)).texts
    assert "Odds ratio [95% CI]" in texts
    assert texts.index("[0.699, 0.850]") == texts.index("0.771") + 1
    assert "(Intercept)" not in texts


def test_the_intercept_is_there_when_it_is_asked_for_or_alone() -> None:
    alone = {"(Intercept)": TREATED["(Intercept)"]}
    for drawn in (forest(result(TREATED), intercept=True), forest(result(alone))):
        assert "(Intercept)" in Picture(drawn).texts


def test_an_intercept_alone_is_no_ratio() -> None:
    with pytest.raises(RequestError, match="its exponential is no ratio"):
        forest(result({"(Intercept)": TREATED["(Intercept)"]}), exponentiate=True)


def test_the_line_of_no_effect_is_at_zero_and_for_ratios_at_one() -> None:
    for exponentiate, no_effect in ((False, 0.0), (True, 1.0)):
        picture = Picture(forest(result(TREATED), exponentiate=exponentiate))
        (line,) = picture.all("line", "reference")
        (tick,) = [text for _, _, text in picture.ticks if float((text.text or "").replace("\u2212", "-")) == no_effect]
        assert line.get("x1") == tick.get("x")


def test_a_ratio_has_its_own_name_in_every_family_and_no_other_link_has_one() -> None:
    for family, links in LINKS.items():
        for link in links:
            made = result(TREATED, family=family, link=link)
            name = ratio_name(family, link)
            assert (name is None) == (link in {"probit", "identity", "inverse"})
            if name is None:
                with pytest.raises(RequestError, match=f"{family} model with the link {link}"):
                    forest(made, exponentiate=True)
            else:
                assert f"{name} [95% CI]" in Picture(forest(made, exponentiate=True)).texts


def test_what_is_not_known_is_said_in_words() -> None:
    fixed = TREATED | {"gone": (None, None, None), "bare": (0.15, None, None)}
    picture = Picture(forest(result(fixed)))
    assert {"not estimable", "[no interval]"} <= set(picture.texts)
    gone, bare = picture.rows[-2:]
    assert numbers_of(gone) == (None, None, None)
    assert of_row(gone, "estimate") is None
    assert (of_row(bare, "estimate") is None, of_row(bare, "interval") is None) == (False, True)


def test_an_ending_without_estimates_shows_none_and_says_why() -> None:
    made = result(TREATED, outcome="not_identified", sites={"Bern": (0.1, 0.0, 0.2)})
    for drawn in (forest, caterpillar, random_effects):
        picture = Picture(drawn(made))
        assert picture.rows == []
        assert "ended as not identified" in picture.texts[0]


def test_an_interval_that_hides_all_others_is_cut_off_with_arrows_and_keeps_its_numbers() -> None:
    picture = Picture(forest(result(TREATED | {"separated": (18.0, -6000.0, 6036.0), "sex": (0.2, 0.1, 0.3)})))
    last = picture.rows[2]
    assert numbers_of(last) == (18.0, -6000.0, 6036.0)
    assert len([mark for mark in last if mark.get("class") == "beyond"]) == 2
    assert max(value for value, _, _ in picture.ticks) < 20


def test_a_ratio_beyond_all_numbers_is_infinite_and_stays_on_the_canvas() -> None:
    picture = Picture(forest(result({"x": (800.0, -900.0, 2500.0)}), exponentiate=True))
    assert numbers_of(picture.rows[0]) == (math.inf, 0.0, math.inf)
    assert "\u221e" in picture.texts


@pytest.mark.parametrize("number", [1e308, -1e308, 5e-324, 1e100, 0.0])
def test_no_number_is_too_large_or_too_small_to_be_drawn(number: float) -> None:
    picture = Picture(forest(result({"x": (number, number, number)})))
    assert numbers_of(picture.rows[0]) == (number, number, number)


def test_labels_are_text_whatever_they_hold() -> None:
    hostile = "<script>alert('\"&')</script>\x00\x1b"
    picture = Picture(forest(result({hostile: (0.1, 0.0, 0.2)})))
    assert picture.rows[0].get("data-label") == hostile.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")
    assert not picture.all("script")


def test_a_long_label_is_shortened_and_kept_whole_in_its_row() -> None:
    label = "relevel(hospital_discharge_destination):rehabilitation_clinic_of_another_canton"
    picture = Picture(forest(result({label: (0.1, 0.0, 0.2)})))
    (shown,) = [text for text in picture.texts if "\u2026" in text]
    assert label.startswith(shown.split("\u2026")[0])
    assert label.endswith(shown.split("\u2026")[1])
    assert picture.rows[0].get("data-label") == label


def test_site_effects_stand_in_order_the_largest_first_and_unknown_ones_last() -> None:
    sites = {"Bern": (0.1, -0.2, 0.4), "Chur": (None, None, None), "Basel": (0.7, 0.5, 0.9), "Aarau": (-1.0, -2.0, 0.0)}
    picture = Picture(caterpillar(result(TREATED, sites=sites)))
    assert [row.get("data-label") for row in picture.rows] == ["Basel", "Bern", "Aarau", "Chur"]
    assert [numbers_of(row) for row in picture.rows] == [sites[name] for name in ("Basel", "Bern", "Aarau", "Chur")]
    held_to_the_axis(Picture(caterpillar(result(TREATED, sites={k: v for k, v in sites.items() if k != "Chur"}))))


@pytest.mark.parametrize("number", [MOST_LABELLED, MOST_LABELLED + 1, 1000])
def test_hundreds_of_sites_are_drawn_each_with_its_numbers(number: int) -> None:
    sites = {f"site {k}": (k / 100.0, k / 100.0 - 1.0, k / 100.0 + 1.0) for k in range(number)}
    picture = Picture(caterpillar(result(TREATED, sites=sites)))
    assert len(picture.rows) == number
    assert picture.height < 3200
    held_to_the_axis(picture)
    lines = [line for row in picture.rows if (line := of_row(row, "interval")) is not None]
    assert len(lines) == number
    ys = [float(line.attrib["y1"]) for line in lines]
    assert ys == sorted(set(ys))


def test_why_there_are_no_site_effects_is_said() -> None:
    assert Picture(caterpillar(result(TREATED))).texts == ["The sites released no effects of their own."]
    made = result(TREATED)
    made["specification"]["random"] = [{"group": "clinic", "sd": None}]
    assert "no grouping factor" in Picture(caterpillar(made)).texts[0]


def test_standard_deviations_and_correlations_have_an_axis_each() -> None:
    random = [
        ("site", "sd__(Intercept)", (23.8, 15.0, 37.7)),
        ("site", "cor__(Intercept).Days", (0.1, -0.5, 0.6)),
        ("Residual", "sd__Observation", (25.6, 22.8, 28.7)),
    ]
    picture = Picture(random_effects(result(TREATED, random=random)))
    assert {"Standard deviation [95% CI]", "Correlation [95% CI]"} <= set(picture.texts)
    labels = [row.get("data-label") for row in picture.rows]
    assert labels == ["site: (Intercept)", "Residual", "site: (Intercept).Days"]
    assert numbers_of(picture.rows[1]) == (25.6, 22.8, 28.7)


def test_a_known_standard_deviation_is_called_known() -> None:
    made = result(TREATED, random=[("site", "sd__(Intercept)", (1.0, None, None))], sd=1.0)
    assert "[known]" in Picture(random_effects(made)).texts
